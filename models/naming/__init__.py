"""Names for journeys: request → evidence → prompt → server → guard → choice → name.

titles    what is safe to show a model of a request's titles
prompt    the few-shot prompt
client    an OpenAI-compatible server (vLLM): deadlines, retries, the breaker
guard     which answers may be published
choice    the best of the answers that may
namer     puts them together; or takes the keywords when there is no server
"""
