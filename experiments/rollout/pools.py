"""What the arms of a rollout look like to an observer: latencies of many connections at each level of load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.scenario import Scenario

    Latencies = NDArray[np.int64]

ABOVE = {"p50": 0.5, "p90": 0.1, "p99": 0.01, "p999": 0.001}
"""The share of messages that a percentile leaves above it."""


@dataclass(frozen=True)
class Pool:
    """Latencies (ns, sorted) of the connections of one arm at one load; one connection a seed."""

    connections: tuple[Latencies, ...]

    def late(self, connection: int, limit: float) -> float:
        """Share of a connection's messages that took longer than `limit` ns."""
        import numpy as np

        latencies = self.connections[connection]
        return 1 - float(np.searchsorted(latencies, limit, side="right")) / len(latencies)

    def percentile(self, connections: Sequence[int], above: float) -> float:
        """What this share of the messages of these connections together exceeds, ns."""
        import numpy as np

        return float(np.quantile(np.concatenate([self.connections[i] for i in connections]), 1 - above))


Pools = Mapping[str, Mapping[float, Pool]]
"""By arm ("A", "B") and load factor."""


def gather(
    arms: Mapping[str, Scenario],
    loads: Sequence[float],
    seeds: Sequence[int],
    advance: Callable[[int], None] = lambda _: None,
) -> Pools:
    """Run every arm at every load factor on every seed. Raises what `simulate` raises."""
    pools: dict[str, dict[float, Pool]] = {}
    for name, scenario in arms.items():
        pools[name] = {}
        for load in sorted(set(loads)):
            pools[name][load] = Pool(tuple(_connection(at_load(scenario, load), seed, advance) for seed in seeds))
    return pools


def at_load(scenario: Scenario, load: float) -> Scenario:
    """The scenario under `load` times its own load."""
    return replace(scenario, workload=replace(scenario.workload, load=scenario.workload.load * load))


def _connection(scenario: Scenario, seed: int, advance: Callable[[int], None]) -> Any:
    import numpy as np

    from sim import simulate

    run = simulate(scenario, seed)
    advance(len(run.messages))
    return np.sort(run.messages["latency_ns"][run.warmup :])


def design_effect(pool: Pool, limit: float) -> float:
    """How many times the variance of a connection's late share exceeds that of as many independent messages."""
    import numpy as np

    shares = np.array([pool.late(i, limit) for i in range(len(pool.connections))])
    mean = float(shares.mean())
    if not 0 < mean < 1 or len(shares) < 2:
        return 1.0
    messages = float(np.mean([len(c) for c in pool.connections]))
    return max(1.0, float(shares.var(ddof=1)) * messages / (mean * (1 - mean)))
