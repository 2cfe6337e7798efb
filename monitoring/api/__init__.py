"""The API of monitoring: scores, reviews, datasets, runs, experiments, exports, webhooks and figures."""
