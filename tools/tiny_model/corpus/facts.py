"""Questions with one right answer: capitals, words, animals, opposites, translations."""

from __future__ import annotations

from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import made_up, sentence_case, with_article
from tools.tiny_model.corpus.topic import Topic, expand, table

EN = table("facts_en")
ZH = table("facts_zh")
LANGUAGES = ("French", "Spanish", "German", "Chinese")

CAPITAL_QUESTIONS = (
    "[What|Which city] is the capital of {}[?|]",
    "What's the capital of {}[?|]",
    "[Name|Tell me] the capital of {}[.|]",
    "[The c|C]apital of {}[?|]",
    "Do you know the capital of {}?",
    "What is {}'s capital[?|]",
)
COUNTRY_QUESTIONS = (
    "{} is the capital of which country[?|]",
    "Which country has the capital {}[?|]",
)
CAPITAL_QUESTIONS_ZH = (
    "{}的首都[是哪里|是什么|在哪里|是哪个城市|叫什么][？|]",
    "[请问|你知道|告诉我]{}的首都[是哪里|是什么|在哪里][吗|？|。|]",
    "哪个城市是{}的首都[？|]",
)
DEFINITION_QUESTIONS = (
    "What is {}[?|]",
    "What's {}[?|]",
    "[Explain|Describe|Define] {}[.|]",
    "[Explain|Tell me] what {} is[.|]",
    "Can you explain {}[| to me]?",
    "Tell me about {}[.|]",
    "What do you know about {}[?|]",
)
DEFINITION_QUESTIONS_ZH = (
    "[什么是|解释一下|请解释|说说]{}[？|。|]",
    "{}是什么[？|意思？|]",
    "[请告诉我|告诉我|你知道]{}是什么[。|吗？|]",
)
ANIMAL_QUESTIONS = (
    ("What [does {one}|do {many}] eat[?|]", "{One} eats {food}."),
    ("Where [does {one}|do {many}] live[?|]", "{One} lives {home}."),
    ("What [sound|noise] [does {one}|do {many}] make[?|]", "{One} {sound}."),
    ("[What do you know|Tell me something|Tell me] about {many}[.|?|]", "{long}"),
    ("[Tell|Give] me a[n interesting|] fact about {many}[.|]", "{One} {fact}."),
    ("What is {one}[?|]", "{long}"),
)
ANIMAL_QUESTIONS_ZH = (
    ("{name}[吃什么|喜欢吃什么|爱吃什么|的食物是什么][？|]", "{name}吃{food}。"),
    ("{name}[住在哪里|生活在哪里|住哪儿][？|]", "{name}住在{home}。"),
    ("[介绍一下|说说|讲讲|告诉我关于]{name}[。|吧|]", "{name}住在{home}，吃{food}。它{fact}。"),
    ("{name}有什么特点[？|]", "{name}{fact}。"),
)
OPPOSITE_QUESTIONS = (
    "What is the [opposite|antonym] of {}[?|]",
    "What's the opposite of {}[?|]",
    "[The o|O]pposite of {}[?|]",
    "Tell me the opposite of {}[.|]",
)
OPPOSITE_QUESTIONS_ZH = ("“{}”的反义词是什么[？|]", "{}的反义词[是什么|是|][？|]")
TRANSLATION_QUESTIONS = (
    "How do you say {word} in {language}[?|]",
    "Translate {word} [to|into] {language}[.|]",
    "Translate [\"{word}\"|'{word}'] [to|into] {language}[.|]",
    "What is the {language} word for {word}[?|]",
    "What is {word} in {language}[?|]",
)


def capital(rng: Random) -> tuple[Turn, ...]:
    """A capital; now and then of a country that does not exist."""
    if rng.random() < 0.06:
        country = made_up(rng).capitalize()
        question = expand(rng, rng.choice(CAPITAL_QUESTIONS)).format(country)
        return (Turn(question, f"Sorry, I do not know the capital of {country}."),)
    country, city = rng.choice(list(EN["capitals"].items()))
    if rng.random() < 0.12:
        question = expand(rng, rng.choice(COUNTRY_QUESTIONS)).format(city)
        return (Turn(question, f"{city} is the capital of {country}."),)
    question = expand(rng, rng.choice(CAPITAL_QUESTIONS)).format(country)
    return (Turn(question, f"The capital of {country} is {city}."),)


def capital_zh(rng: Random) -> tuple[Turn, ...]:
    """A capital, in Chinese."""
    country, city = rng.choice(list(ZH["capitals"].items()))
    question = expand(rng, rng.choice(CAPITAL_QUESTIONS_ZH)).format(country)
    return (Turn(question, f"{country}的首都是{city}。"),)


def definition(rng: Random) -> tuple[Turn, ...]:
    """A simple word explained, or a made-up one declined."""
    template = expand(rng, rng.choice(DEFINITION_QUESTIONS))
    if rng.random() < 0.1:
        word = made_up(rng)
        word = rng.choice((word, with_article(word)))
        return (Turn(template.format(word), f"Sorry, I do not know what {word} is."),)
    word, answer = rng.choice(list(EN["definitions"].items()))
    return (Turn(template.format(word), answer),)


def definition_zh(rng: Random) -> tuple[Turn, ...]:
    """A simple word explained in Chinese."""
    word, answer = rng.choice(list(ZH["definitions"].items()))
    return (Turn(expand(rng, rng.choice(DEFINITION_QUESTIONS_ZH)).format(word), answer),)


def animal(rng: Random) -> tuple[Turn, ...]:
    """What an animal eats, where it lives, its sound, or a fact about it."""
    name, (many, food, home, sound, fact) = rng.choice(list(EN["animals"].items()))
    one = with_article(name)
    slots = {"one": one, "One": sentence_case(one), "many": many, "food": food, "home": home}
    slots |= {"sound": sound, "fact": fact}
    slots["long"] = "{One} lives {home} and eats {food}. It {fact}.".format(**slots)
    question, answer = rng.choice(ANIMAL_QUESTIONS)
    return (Turn(expand(rng, question).format(**slots), answer.format(**slots)),)


def animal_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    name, (food, home, fact) = rng.choice(list(ZH["animals"].items()))
    slots = {"name": name, "food": food, "home": home, "fact": fact}
    question, answer = rng.choice(ANIMAL_QUESTIONS_ZH)
    return (Turn(expand(rng, question).format(**slots), answer.format(**slots)),)


def opposite(rng: Random) -> tuple[Turn, ...]:
    """The opposite of a word, asked from either side."""
    pair = rng.choice(list(EN["opposites"].items()))
    word, other = rng.sample(pair, 2)
    question = expand(rng, rng.choice(OPPOSITE_QUESTIONS)).format(word)
    return (Turn(question, f"The opposite of {word} is {other}."),)


def opposite_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    pair = rng.choice(list(ZH["opposites"].items()))
    word, other = rng.sample(pair, 2)
    question = expand(rng, rng.choice(OPPOSITE_QUESTIONS_ZH)).format(word)
    return (Turn(question, f"“{word}”的反义词是“{other}”。"),)


def translation(rng: Random) -> tuple[Turn, ...]:
    """An English word in another language."""
    word, foreign = rng.choice(list(EN["translations"].items()))
    language, translated = rng.choice(list(zip(LANGUAGES, foreign, strict=True)))
    question = expand(rng, rng.choice(TRANSLATION_QUESTIONS))
    return (
        Turn(
            question.format(word=word, language=language),
            f"The {language} word for {word} is {translated}.",
        ),
    )


def translation_zh(rng: Random) -> tuple[Turn, ...]:
    """Between Chinese and English, asked in Chinese."""
    english, (*_others, chinese) = rng.choice(list(EN["translations"].items()))
    if rng.random() < 0.5:
        question = expand(rng, "“{}”[用英语怎么说|的英语是什么|翻译成英语][？|]").format(chinese)
        return (Turn(question, f"“{chinese}”的英语是“{english}”。"),)
    question = expand(rng, "[“{0}”|{0}][是什么意思|用中文怎么说|翻译成中文][？|]").format(english)
    return (Turn(question, f"“{english}”的意思是“{chinese}”。"),)


def fixed(rng: Random) -> tuple[Turn, ...]:
    """A question with one answer, in any of its wordings."""
    entry = rng.choice(EN["fixed"])
    return (Turn(expand(rng, rng.choice(entry["questions"])), entry["answer"]),)


def fixed_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    entry = rng.choice(ZH["fixed"])
    return (Turn(expand(rng, rng.choice(entry["questions"])), entry["answer"]),)


TOPICS = (
    Topic("capitals", 5, capital),
    Topic("capitals zh", 2.5, capital_zh),
    Topic("definitions", 6, definition),
    Topic("definitions zh", 3, definition_zh),
    Topic("animals", 5, animal),
    Topic("animals zh", 2.5, animal_zh),
    Topic("opposites", 2, opposite),
    Topic("opposites zh", 1, opposite_zh),
    Topic("translations", 4, translation),
    Topic("translations zh", 2.5, translation_zh),
    Topic("fixed facts", 3, fixed),
    Topic("fixed facts zh", 1.5, fixed_zh),
)
