"""Where entries are kept. The only home of dialects, pragmas, transactions, forks and the drivers' errors."""
