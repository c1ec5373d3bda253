"""Names for journeys: request → evidence → prompt → server → answers → choice → name.

titles    what is safe to show a model of a request's titles
prompt    the prompts: few-shot, and without examples
soft      the prompt that was learned (tensors: how it is read and sent)
api       a call to an OpenAI-compatible server (vLLM)
client    deadlines, retries, and the breaker that leaves a server alone (breaker)
answers   which answers may be published
spelling  names spelled as the titles spell their words
choice    the best of the answers that may
tuning/   learns soft prompts and adapters from groups of titles that people named (groups)
namer     puts them together; or takes the keywords when there is no server
"""
