"""The frameworks that are judged, each behind the same small protocol and imported only when used."""
