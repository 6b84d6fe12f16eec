"""Differentiable scores: embeddings in, unreduced losses out."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "STILL": "gencontrol.guidance.augmentation",
        "Augmentation": "gencontrol.guidance.augmentation",
        "Encoder": "gencontrol.guidance.score",
        "Guide": "gencontrol.guidance.score",
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
