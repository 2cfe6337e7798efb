"""Users that nobody is: those of synthetic traffic, to whom made-up conversations belong, and those who asked on
another system."""

from django.db.models import Q

MADE_UP_PREFIX = "synthetic-"
# Nobody can sign in as one of them. An account of such a name that is in use is a person's.
MADE_UP = Q(username__startswith=MADE_UP_PREFIX, is_active=False)
# Users of imported conversations whose names are not known here.
IMPORTED_PREFIX = "imported-"
# Nobody can sign in as one of these.
NOBODY = MADE_UP | Q(username__startswith=IMPORTED_PREFIX, is_active=False)
