from tests.gateway.redemptions.world import market, world

__all__ = ["market", "world"]
