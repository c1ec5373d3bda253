"""Names for journeys: request → evidence → prompt → server → answers → choice → name.

titles    what is safe to show a model of a request's titles
prompt    the prompts: few-shot, and without examples
examples  what few-shot prompts show, in English or in several languages
soft      the prompt that was learned (tensors: how it is read and sent)
api       a call to an OpenAI-compatible server (vLLM); wire: what it answers
reply     the name in what a model wrote, and how likely the model found it
client    deadlines, retries, and the breaker that leaves a server alone (breaker)
dialect   what of the API a server understands, found out and remembered
answers   which answers may be published, by their text
language  whether a name is in the language of the titles
spelling  whole words, spelled as the titles spell them
holding   for which titles a name holds, and whether for strangers' as well
choice    the best of the answers that may
given     two journeys of a user never get one name
tuning/   learns soft prompts and adapters from groups of titles that people named (groups)
namer     puts them together; or takes the keywords when there is no server
"""
