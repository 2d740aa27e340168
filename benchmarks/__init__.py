"""Side-by-side runs of memostore and what people use today: `python -m benchmarks`. README.md says how to read them."""
