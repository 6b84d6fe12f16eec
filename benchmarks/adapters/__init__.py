"""IP-Adapters of the real classes, trained small in the sprite world: is the masked one of three things drawn?"""
