"""From a profile to a client of its server, and back to what is worth remembering of it."""

from __future__ import annotations

from dataclasses import replace

from tui.client import Client
from tui.profiles import Profile, Profiles
from tui.token_store import TokenStore


def client_of(profile: Profile) -> Client:
    """A client that resumes and keeps the profile's sign-in. Raises ValueError for a URL that is none."""
    return Client(
        profile.url,
        profile=profile.name,
        token_store=TokenStore.for_profile(profile.name),
        read_only=profile.read_only,
    )


def client_named(name: str) -> Client:
    """The same for a profile of the file. Raises ValueError, ConfigUnreadable."""
    profiles = Profiles.load()
    profile = profiles.get(name)
    if profile is None:
        raise ValueError(f"There is no profile {name} in {profiles.path}.")
    return client_of(profile)


def remember(client: Client) -> None:
    """Who signed in where, for the next run. Raises ConfigUnreadable.

    An address that is no profile yet becomes one only with a sign-in that is kept.
    """
    if client.user is None:
        return
    profiles = Profiles.load()
    known = next((profile for profile in profiles if profile.name == client.profile), None)
    if known is None and not client.is_kept:
        return
    if known is not None and known.url != client.url.rstrip("/"):
        return  # another address was given for this run only
    profile = known or Profile(client.profile, client.url)
    profiles.save(replace(profile, email=client.user.email))
