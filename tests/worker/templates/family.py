"""Chat templates that behave as those of well-known models do, or as strictly as any."""

from __future__ import annotations

CALLS = (
    "{% for c in m.tool_calls or [] %}"
    '<tool_call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}"
)

PERMISSIVE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

SYSTEM_FIRST_ONLY = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('The system message comes first.') }}{% endif %}"
    "[{{ m.role }}]{{ m.content | trim }}[end]\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)

NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system!') }}"
    "{% elif m.role not in ('user', 'assistant') %}{{ raise_exception('Who?') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
)

SYSTEM_LOST = (
    "{% for m in messages %}{% if m.role == 'user' %}Q: {{ m.content }}\n"
    "{% elif m.role == 'assistant' %}A: {{ m.content }}\n{% endif %}{% endfor %}A:"
)
"""Drops what is no user's or assistant's, without a word."""

ALTERNATING = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate.') }}{% endif %}"
    "{{ m.role }}: {{ m.content }}\n{% endfor %}"
)

GEMMA = (
    "{% if messages[0].role == 'system' %}{% set lead = messages[0].content + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set lead = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ lead if loop.first else '' }}"
    "{% if m.content is string %}{{ m.content | trim }}{% else %}{% for p in m.content %}"
    "{{ p.text | trim }}{% endfor %}{% endif %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set told = messages[0].content %}"
    "{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}"
    "{% set ns = namespace(place=0) %}"
    "{% for m in rest %}{% if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}"
    "{% if (m.role == 'user') != (ns.place % 2 == 0) %}"
    "{{ raise_exception('After the optional system message, roles must alternate') }}{% endif %}"
    "{% set ns.place = ns.place + 1 %}{% endif %}{% endfor %}{{ bos_token }}"
    "{% set users = rest | selectattr('role', 'equalto', 'user') | list %}"
    "{% for m in rest %}{% if m.role == 'user' %}"
    "{% if tools and m == users[-1] %}"
    "[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
    "[INST]{% if told is defined and loop.first %}{{ told + '\n\n' }}{% endif %}{{ m.content }}"
    "[/INST]{% elif m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}"
    "{% if c.id | length != 9 %}{{ raise_exception('Ids have nine characters') }}{% endif %}"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }},'
    ' "id": "{{ c.id }}"}{{ "," if not loop.last }}{% endfor %}]{{ eos_token }}'
    "{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]"
    "{% else %}{{ raise_exception('Only user, assistant, tool') }}{% endif %}{% endfor %}"
)
"""Loses the content beside calls."""

MISTRAL_LAST = MISTRAL.replace("defined and loop.first", "defined and loop.last")
"""Loses the system message where the last message is not the user's."""

LLAMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{% set told = messages[0].content | trim %}{% set messages = messages[1:] %}{% else %}"
    "{% set told = '' %}{% endif %}<|start_header_id|>system<|end_header_id|>\n\n"
    "{% if tools %}Environment: ipython\n{% for t in tools %}{{ t | tojson(indent=4) }}\n"
    '{% endfor %}Say {"name": name, "parameters": arguments}.{% endif %}{{ told }}<|eot_id|>'
    "{% for m in messages %}{% if m.role in ('tool', 'ipython') %}"
    "<|start_header_id|>ipython<|end_header_id|>\n\n"
    "{% if m.content is mapping or m.content is iterable %}{{ m.content | tojson }}"
    "{% else %}{{ m.content }}{% endif %}<|eot_id|>"
    "{% elif 'tool_calls' in m %}{% if m.tool_calls | length != 1 %}"
    "{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
    '{"name": "{{ m.tool_calls[0].function.name }}", '
    '"parameters": {{ m.tool_calls[0].function.arguments | tojson }}}<|eot_id|>'
    "{% else %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)

LLAMA_FIRST = LLAMA.replace(
    "{% for m in messages %}{% if m.role in",
    "{% if tools %}<|start_header_id|>user<|end_header_id|>\n\n{{ tools | tojson }}\n\n"
    "{{ messages[0].content | trim }}<|eot_id|>{% set messages = messages[1:] %}{% endif %}"
    "{% for m in messages %}{% if m.role in",
)
"""Tells of functions in the first message, as if it were the user's."""

QWEN = (
    "{% if tools %}<|im_start|>system\n{% if messages[0].role == 'system' %}"
    "{{ messages[0].content }}\n\n{% endif %}# Tools\n{% for t in tools %}{{ t | tojson }}\n"
    '{% endfor %}<tool_call>{"name": n, "arguments": a}</tool_call><|im_end|>\n'
    "{% elif messages[0].role == 'system' %}"
    "<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n"
    "{% endif %}{% set ns = namespace(asked=false) %}{% for m in messages %}"
    "{% if m.role == 'user' %}{% set ns.asked = true %}{% endif %}{% endfor %}"
    "{% if not ns.asked %}{{ raise_exception('No user query found in messages.') }}{% endif %}"
    "{% for m in messages %}{% if m.role == 'system' %}{% if not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}"
    "{% elif m.role == 'user' %}<|im_start|>user\n{{ m.content }}<|im_end|>\n"
    "{% elif m.role == 'assistant' %}<|im_start|>assistant\n"
    "{% if loop.last %}<think>\n{{ m.reasoning_content or '' }}\n</think>\n\n{% endif %}"
    "{{ m.content | trim }}" + CALLS + "<|im_end|>\n"
    "{% elif m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n"
    "</tool_response><|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)

PHI = (
    "{% for m in messages %}{% if m['role'] == 'system' and m['content'] %}"
    "<|system|>\n{{ m['content'] }}<|end|>\n{% elif m['role'] == 'user' %}"
    "<|user|>\n{{ m['content'] }}<|end|>\n{% elif m['role'] == 'assistant' %}"
    "<|assistant|>\n{{ m['content'] }}<|end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)

DEEPSEEK = (
    "{% set ns = namespace(told='') %}{% for m in messages %}{% if m.role == 'system' %}"
    "{% set ns.told = ns.told + m.content + '\n\n' %}{% endif %}{% endfor %}"
    "{{ bos_token }}{{ ns.told }}{% for m in messages %}"
    "{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% endif %}"  # noqa: RUF001
    "{% if m.role == 'assistant' and m.content is none %}"
    "{% for c in m.tool_calls %}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>"  # noqa: RUF001
    "{{ c.function.arguments }}<｜tool▁call▁end｜>{% endfor %}{% endif %}"  # noqa: RUF001
    "{% if m.role == 'assistant' and m.content is not none %}"
    "<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}"  # noqa: RUF001
    "{% if m.role == 'tool' %}<｜tool▁output｜>{{ m.content }}{% endif %}{% endfor %}"  # noqa: RUF001
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"  # noqa: RUF001
)
"""Puts all system messages in front, and loses calls beside content."""

IN_PARTS = (
    "{% for m in messages %}{{ m.role | capitalize }}:{% for p in m.content %}"
    "{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}\n{% endfor %}Assistant:"
)

SYSTEM_IN_PARTS = (
    "{% if messages[0].role == 'system' %}{{ messages[0]['content'][0]['text'] }}\n"
    "{% set messages = messages[1:] %}{% endif %}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('first') }}{% endif %}"
    "{{ m.role }}: {{ m.content + '' }}\n{% endfor %}"
)

LAST_IS_USER = (
    "{% if messages[-1].role != 'user' and messages[-1].role != 'tool' %}"
    "{{ raise_exception('The last message must be of the user.') }}{% endif %}" + PERMISSIVE
)

FAMILY = {
    "permissive": PERMISSIVE,
    "system first only": SYSTEM_FIRST_ONLY,
    "no system": NO_SYSTEM,
    "system lost": SYSTEM_LOST,
    "alternating": ALTERNATING,
    "gemma": GEMMA,
    "mistral": MISTRAL,
    "mistral, system last": MISTRAL_LAST,
    "llama": LLAMA,
    "llama, functions first": LLAMA_FIRST,
    "qwen": QWEN,
    "phi": PHI,
    "deepseek": DEEPSEEK,
    "in parts": IN_PARTS,
    "system in parts": SYSTEM_IN_PARTS,
    "last is user": LAST_IS_USER,
}
