"""tf-keras port of IMSE: configurations, layers, models, audio front end and training."""
