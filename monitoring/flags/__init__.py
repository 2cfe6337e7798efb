"""Why a turn needs a person."""
