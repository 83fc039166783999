"""Chat templates of Ollama's models give the prompts in Jinja that they give there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from funland_server.models.ollama.jinja import NotTranslatedError, to_jinja

# As the worker has it.
ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
)
ROLES = {"S": "system", "U": "user", "A": "assistant", "T": "tool"}


def prompt(template: str, *messages: str) -> str:
    """The prompt for messages that begin with the letter of their role."""
    told = [{"role": ROLES[one[0]], "content": one[1:]} for one in messages]
    return ENVIRONMENT.from_string(to_jinja(template)).render(messages=told)


CHATML = """{{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ .Response }}<|im_end|>
"""
INSTRUCT = "[INST] {{ if .System }}<<SYS>>{{ .System }}<</SYS>>\n\n{{ end }}{{ .Prompt }} [/INST]"
SPACED = """
{{- if .System }}
### System:
{{ .System }}
{{- end }}

### User:
{{ .Prompt }}

### Response:
"""
ENDED = "{{ .Prompt }}>{{ if .Response }}{{ .Response }}<end>{{ else }}none{{ end }}"
TURNS = """
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" "tool" }}<start>user
{{- if and (eq $i 1) $.System }}
{{ $.System }}
{{- end }}
{{ .Content }}<end>
{{ if $last }}<start>model
{{ end }}
{{- else if eq .Role "assistant" }}<start>model
{{ .Content }}{{ if not $last }}<end>
{{ end }}
{{- end }}
{{- end }}"""
TOOLS = """{{- if .Suffix }}<pre>{{ .Prompt }}<suf>{{ .Suffix }}
{{- else if .Messages }}
{{- if or .System .Tools }}<s>{{ .System }}
{{- if .Tools }}

# Tools
{{- range .Tools }}
{{ .Function }}
{{- end }}
{{- end }}</s>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<u>{{ .Content }}</u>
{{ else if eq .Role "assistant" }}<a>
{{- if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}"}{{ end }}</tool_call>
{{- end }}{{ if not $last }}</a>
{{ end }}
{{- else if eq .Role "tool" }}<t>{{ .Content }}</t>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<a>{{ end }}
{{- end }}
{{- else }}{{ .System }}{{ .Prompt }}{{ .Response }}{{ end }}"""
THINKS = """{{- $lastUserIdx := -1 -}}
{{- range $idx, $msg := .Messages -}}
{{- if eq $msg.Role "user" }}{{ $lastUserIdx = $idx }}{{ end -}}
{{- end }}
{{- range $i, $m := .Messages }}
{{- if eq $m.Role "system" }}{{ continue }}{{ end }}
{{- $m.Role }}:{{ $m.Content }}
{{- if and $.IsThinkSet (eq $i $lastUserIdx) }}{{ if $.Think }} /think{{ end }}{{ end }}
{{- if eq $i $lastUserIdx }}*{{ end }};
{{- end }}answer:{{ if and $.IsThinkSet (not $.Think) }}<think></think>{{ end }}"""
HEADERS = (
    "{{- /* of each message */ -}}{{ range .Messages }}<h>{{ .Role }}</h>\n\n{{ .Content }}<eot>"
    "{{ end }}<h>assistant</h>\n\n"
)


@pytest.mark.parametrize(
    ("template", "messages", "expected"),
    [
        (CHATML, ["Ua"], "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"),
        (CHATML, ["Ss", "Ua", "Ab", "Uc"],
         "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
         "b<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n"),
        (CHATML, ["Ua", "Ab"], "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb"),
        (CHATML, ["Ua", "Ub"], "<|im_start|>user\na\n\nb<|im_end|>\n<|im_start|>assistant\n"),
        (CHATML, ["Ua", "Ss", "Ub"],
         "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
         "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n"),
        (INSTRUCT, ["Ss", "Ua", "Ab", "Uc"],
         "[INST] <<SYS>>s<</SYS>>\n\na [/INST]b[INST] c [/INST]"),
        (SPACED, ["Ss", "Ua"], "\n### System:\ns\n\n### User:\na\n\n### Response:\n"),
        (SPACED, ["Ua"], "\n\n### User:\na\n\n### Response:\n"),
        (ENDED, ["Ua", "Ab", "Uc"], "a>b<end>c>"),
        (ENDED, ["Ua", "Ab"], "a>b"),
        (TURNS, ["Ss", "Ua", "Ab", "Uc"],
         "<start>user\ns\na<end>\n<start>model\nb<end>\n<start>user\nc<end>\n<start>model\n"),
        (TURNS, ["Ua", "Ab"], "<start>user\na<end>\n<start>model\nb"),
        (TOOLS, ["Ss", "Ua", "Ab", "Tt", "Uc"],
         "<s>s</s>\n<u>a</u>\n<a>b</a>\n<t>t</t>\n<u>c</u>\n<a>"),
        (TOOLS, ["Ua"], "<u>a</u>\n<a>"),
        (THINKS, ["Ss", "Ua", "Ab", "Uc", "Ad"], "user:a;assistant:b;user:c*;assistant:d;answer:"),
        (HEADERS, ["Ss", "Ua"], "<h>system</h>\n\ns<eot><h>user</h>\n\na<eot><h>assistant</h>\n\n"),
        ("{{ .System }}{{ .Prompt }}", ["Ua"], "a"),
        ("{{ range .Messages }}{{ .Content }}{{ break }}{{ end }}", ["Ua", "Ab"], "a"),
        ("{{ with .System }}[{{ . }}]{{ else }}none{{ end }}{{ (index .Messages 0).Content }}",
         ["Ss", "Ua"], "[s]s"),
        ('{{ if gt (len .Messages) 1 }}many{{ else }}one{{ end }}{{ "x" }}{{ `y` }}', ["Ua"],
         "onexy"),
        ('{{ .Messages | len }} {{ if ge 2 (len .Messages) }}"好" {% x %} {# #}{{ end }}', ["Ua"],
         '1 "好" {% x %} {# #}'),
        ("{{ .Prompt }}  \n  {{- .Response -}}  \n <end>", ["Ua", "Ab", "Uc"], "ab<end>c"),
        ("  \n{{ .Prompt }}\n\n  {{ .Response }}", ["Ua"], "  \na\n\n  "),
    ],
)  # fmt: skip
def test_a_template_gives_the_same_prompt(
    template: str, messages: list[str], expected: str
) -> None:
    assert prompt(template, *messages) == expected


def test_what_people_write_is_no_template() -> None:
    hostile = "U{{ 7 * 7 }}{% raw %}\"'\\"

    assert prompt("{{ .Prompt }}", hostile) == hostile[1:]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ .Prompt", "not closed"),
        ("{{ if .Prompt }}", "'if' has no end"),
        ("{{ end }}", "ends nothing"),
        ("{{ if .Prompt }}a{{ else }}b{{ else }}c{{ end }}", "'if' has no end"),
        ("{{ .Nobody }}", "the field 'Nobody'"),
        ("{{ range .Messages }}{{ .Nobody }}{{ end }}", "the field 'Nobody'"),
        ("{{ $x }}", "the variable '$x'"),
        ("{{ $x = 1 }}", "the variable '$x'"),
        ("{{ if .Prompt }}{{ $x := 1 }}{{ end }}{{ $x }}", "the variable '$x'"),
        ('{{ printf "%s" .Prompt }}', "the function 'printf'"),
        ('{{ template "other" . }}', "'template' is not known"),
        ("{{ range .System }}{{ . }}{{ end }}", "a range over something else"),
        ("{{ .Prompt | 1 }}", "only functions"),
        ("{{ (eq 1 1 }}", "missing|not closed"),
        ("{{ ! }}", "is not known"),
        ("{{}}", "missing"),
        ("{{ .Prompt .Prompt }}", "not expected"),
        ("{{ if (((((" + "(" * 200 + ".Prompt }}{{ end }}", "nested too deep"),
        ("{{ if .Prompt }}" * 100 + "{{ end }}" * 100, "nested too deep"),
    ],
)
def test_what_is_not_translated_is_told(template: str, why: str) -> None:
    with pytest.raises(NotTranslatedError, match=why.replace("$", r"\$")):
        to_jinja(template)


@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_hostile_template_takes_no_time(size: int) -> None:
    for text in ("{{" * size, '{{ "' * size, "{{- /*" * size, "{{ (" + "a " * size, "{" * size):
        with pytest.raises(NotTranslatedError):
            to_jinja(text + "{{")


def test_long_conversations_are_rendered() -> None:
    messages: Mapping[int, str] = {number: f"{'UA'[number % 2]}{number};" for number in range(4097)}

    told = prompt(CHATML, *messages.values())

    assert all(f"{number};" in told for number in messages)
