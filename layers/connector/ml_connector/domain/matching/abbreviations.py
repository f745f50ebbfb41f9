"""Abbreviations of words in company names, to the word that both sides are compared by."""

_WORDS = {
    "international": "intl internat internatl",
    "internationale": "intle",
    "holding": "hldg",
    "holdings": "hldgs",
    "koninklijke": "koninkl koninkl konink",
    "gebr": "gebroeders gebrueder gebruder gebrs gebroders",
    "maatschappij": "mij mpij maatsch",
    "etablissements": "ets etabl etablissement",
    "brothers": "bros",
    "manufacturing": "mfg mfrg",
    "management": "mgmt mgt",
    "services": "svcs",
    "group": "grp",
    "investment": "invt",
    "investments": "invts",
    "societe": "ste",
    "compagnie": "cie",
    "engineering": "engrg",
    "zonen": "zn",
    "fratelli": "flli",
    "hermanos": "hnos",
    "freres": "frs",
    "handelsmaatschappij": "handelmij handelsmij",
    "bouwmaatschappij": "bouwmij",
    "beheermaatschappij": "beheermij beheersmij",
    "aannemersmaatschappij": "aannemersmij aannemingsmij",
    "transportmaatschappij": "transportmij",
    "exploitatiemaatschappij": "exploitatiemij expl",
}

ABBREVIATIONS = {short: word for word, spellings in _WORDS.items() for short in spellings.split()}
"""Only those that mean one word; one that may mean several is compared by its beginning instead."""
