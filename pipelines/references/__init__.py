"""Parts of reference pictures for the stock calls of pipelines that users have: tensors, masks, keyword arguments."""
