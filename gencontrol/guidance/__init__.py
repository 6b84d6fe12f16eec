"""Differentiable scores: embeddings in, unreduced losses out."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.guidance.augmentation import STILL as STILL
    from gencontrol.guidance.augmentation import Augmentation as Augmentation
    from gencontrol.guidance.augmentation import augment as augment
    from gencontrol.guidance.backgrounds import composite as composite
    from gencontrol.guidance.backgrounds import random_backgrounds as random_backgrounds
    from gencontrol.guidance.losses import contrastive_loss as contrastive_loss
    from gencontrol.guidance.losses import directional_loss as directional_loss
    from gencontrol.guidance.losses import opacity_entropy as opacity_entropy
    from gencontrol.guidance.losses import similarity_loss as similarity_loss
    from gencontrol.guidance.losses import total_variation as total_variation
    from gencontrol.guidance.losses import transmittance_loss as transmittance_loss
    from gencontrol.guidance.prompts import ViewPrompts as ViewPrompts
    from gencontrol.guidance.prompts import mix_views as mix_views
    from gencontrol.guidance.prompts import view_texts as view_texts
    from gencontrol.guidance.prompts import view_weights as view_weights
    from gencontrol.guidance.score import Encoder as Encoder
    from gencontrol.guidance.score import Guide as Guide
    from gencontrol.guidance.score import alpha_similarity_loss as alpha_similarity_loss
    from gencontrol.guidance.score import embed as embed
    from gencontrol.guidance.score import guide_losses as guide_losses
    from gencontrol.guidance.score import region_target as region_target
    from gencontrol.guidance.score import text_targets as text_targets
    from gencontrol.schedules import Schedule as Schedule
    from gencontrol.schedules import as_schedule as as_schedule
    from gencontrol.schedules import constant as constant
    from gencontrol.schedules import value_at as value_at
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Augmentation": "gencontrol.guidance.augmentation",
            "Encoder": "gencontrol.guidance.score",
            "Guide": "gencontrol.guidance.score",
            "STILL": "gencontrol.guidance.augmentation",
            "Schedule": "gencontrol.schedules",
            "ViewPrompts": "gencontrol.guidance.prompts",
            "alpha_similarity_loss": "gencontrol.guidance.score",
            "as_schedule": "gencontrol.schedules",
            "augment": "gencontrol.guidance.augmentation",
            "composite": "gencontrol.guidance.backgrounds",
            "constant": "gencontrol.schedules",
            "contrastive_loss": "gencontrol.guidance.losses",
            "directional_loss": "gencontrol.guidance.losses",
            "embed": "gencontrol.guidance.score",
            "guide_losses": "gencontrol.guidance.score",
            "mix_views": "gencontrol.guidance.prompts",
            "opacity_entropy": "gencontrol.guidance.losses",
            "random_backgrounds": "gencontrol.guidance.backgrounds",
            "region_target": "gencontrol.guidance.score",
            "similarity_loss": "gencontrol.guidance.losses",
            "text_targets": "gencontrol.guidance.score",
            "total_variation": "gencontrol.guidance.losses",
            "transmittance_loss": "gencontrol.guidance.losses",
            "value_at": "gencontrol.schedules",
            "view_texts": "gencontrol.guidance.prompts",
            "view_weights": "gencontrol.guidance.prompts",
        },
    )
