"""Users that nobody is: those of synthetic traffic, to whom made-up conversations belong."""

from django.db.models import Q

MADE_UP_PREFIX = "synthetic-"
# Nobody can sign in as one of them. An account of such a name that is in use is a person's.
MADE_UP = Q(username__startswith=MADE_UP_PREFIX, is_active=False)
