"""Ordinary traffic: which behaviours there are and who shows them.

Each behaviour takes the stage and the host that acts, and yields conversations by start time until the capture ends.
All numbers come from ``parameters``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from netsift.simulate.benign.devices import discovery, heartbeats, monitoring
from netsift.simulate.benign.services import (
    backups,
    file_shares,
    file_transfers,
    mail_arriving,
    mail_reading,
    name_queries,
    outside_lookups,
    printing,
    remote_desktops,
    shell_automation,
    shells,
    time_keeping,
    updates,
)
from netsift.simulate.benign.web import calls, crawler, video, visitors, web_browsing
from netsift.simulate.conversation import Conversation, Stage
from netsift.simulate.network import Host
from netsift.simulate.parameters import PARAMETERS

Behaviour = Callable[[Stage, Host], Iterator[Conversation]]

CLIENT_BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    web_browsing, name_queries, time_keeping, mail_reading, file_shares, printing, updates, discovery,
)  # fmt: skip
"""What every workstation does."""

OCCASIONAL_BEHAVIOURS: Final[tuple[tuple[Behaviour, float], ...]] = (
    (shells, 0.5),
    (remote_desktops, 0.4),
    (file_transfers, 0.3),
    (video, PARAMETERS.media.viewers_share),
    (calls, 0.25),
    (backups, 0.35),
)
"""What a share of the workstations does; at least one of them always."""

SERVER_BEHAVIOURS: Final[tuple[tuple[str, Behaviour], ...]] = (
    ("mail", mail_arriving),
    ("web", visitors),
    ("web", crawler),
    ("resolver", outside_lookups),
    ("monitor", monitoring),
    ("monitor", shell_automation),
    ("backup", backups),
    ("web", updates),
    ("files", time_keeping),
    ("web", name_queries),
)
"""What happens at the servers: the role that acts, or is visited."""

DEVICE_BEHAVIOURS: Final[tuple[Behaviour, ...]] = (heartbeats, time_keeping, name_queries)
"""What every device does."""
