"""Seven pieces of personal data that must never be found anywhere."""

CANARIES = {
    "e-mail": "jane.canary@example.org",
    "phone": "+442079460958",
    "name": "Jane Q. Canary-Smith",
    "ip": "203.0.113.77",
    "user agent": "Mozilla/5.0 (X11; CanaryOS 7) CanaryBrowser/42.7",
    "card": "4000056655665556",
    "postal address": "221B Canary Lane, London NW1 6XE",
}

#: The same without punctuation, as numbers; and the shortest numbers of telephones that one meets often.
NUMERIC = {"phone": 442079460958, "card": 4000056655665556, "ip": 3405803853, "short phone": 33612345678}
