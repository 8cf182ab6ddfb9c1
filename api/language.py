"""Which language an answer is in, and the sentences of the API that a phone user reads."""

from collections.abc import Sequence

from flask import request

FALLBACK = "en"

ADVICE = {
    "too_dark": {
        "en": "The photo is too dark. Turn on a light or use the flash, and try again.",
        "fr": "La photo est trop sombre. Allumez une lumière ou utilisez le flash, puis réessayez.",
        "es": "La foto está demasiado oscura. Enciende una luz o usa el flash e inténtalo de nuevo.",
        "de": "Das Foto ist zu dunkel. Machen Sie Licht oder nutzen Sie den Blitz.",
        "it": "La foto è troppo scura. Accendi una luce o usa il flash e riprova.",
    },
    "blown_out": {
        "en": "The photo is too bright. Move out of direct light, or turn off the flash, and try again.",
        "fr": "La photo est trop claire. Évitez la lumière directe ou coupez le flash, puis réessayez.",
        "es": "La foto tiene demasiada luz. Evita la luz directa o apaga el flash e inténtalo de nuevo.",
        "de": "Das Foto ist überbelichtet. Meiden Sie direktes Licht oder schalten Sie den Blitz aus.",
        "it": "La foto è troppo chiara. Evita la luce diretta o spegni il flash e riprova.",
    },
    "blurred": {
        "en": "The photo is blurred. Hold the phone still, tap the fruit to focus, and try again.",
        "fr": "La photo est floue. Sans bouger, touchez le fruit pour la mise au point, puis réessayez.",
        "es": "La foto está borrosa. Sin mover el teléfono, toca la fruta para enfocar y repite.",
        "de": "Das Foto ist unscharf. Halten Sie still und tippen Sie zum Scharfstellen auf die Frucht.",
        "it": "La foto è sfocata. Tieni fermo il telefono, tocca il frutto per mettere a fuoco e riprova.",
    },
    "tiny": {
        "en": "The photo is very small. Send a larger one, or move closer to the fruit.",
        "fr": "La photo est très petite. Envoyez-en une plus grande ou rapprochez-vous du fruit.",
        "es": "La foto es muy pequeña. Envía una más grande o acércate a la fruta.",
        "de": "Das Foto ist sehr klein. Senden Sie ein größeres oder gehen Sie näher an die Frucht heran.",
        "it": "La foto è molto piccola. Inviane una più grande o avvicinati al frutto.",
    },
    "only_background": {
        "en": "There is hardly anything to see. Uncover the lens, centre the fruit, and try again.",
        "fr": "On ne distingue presque rien. Dégagez l'objectif, placez le fruit au centre, puis réessayez.",
        "es": "Apenas se ve nada. Destapa la lente, pon la fruta en el centro e inténtalo de nuevo.",
        "de": "Es ist kaum etwas zu sehen. Halten Sie die Linse frei und die Frucht in die Bildmitte.",
        "it": "Non si vede quasi nulla. Libera l'obiettivo, metti il frutto al centro e riprova.",
    },
}


def choose_language(asked: str | None, had: Sequence[str]) -> str:
    """Choose among the languages we have: the one asked for, else the client's preference, else English.

    Args:
        asked: well-formed language tag of the query, if any; it outweighs `Accept-Language`.
        had: two-letter codes of the languages at hand.
    """
    if asked is not None:
        primary = asked.split("-")[0].lower()
        return primary if primary in had else FALLBACK
    for tag, quality in request.accept_languages:
        primary = tag.split("-")[0].lower()
        if primary in had and quality > 0:
            return primary
    return FALLBACK


def advice_message(code: str, lang: str) -> str:
    """Say what is wrong with a photo; a code without a sentence is told as it is."""
    sentences = ADVICE.get(code, {})
    return sentences.get(lang) or sentences.get(FALLBACK) or code.replace("_", " ")
