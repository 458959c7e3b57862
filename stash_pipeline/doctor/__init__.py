"""What ``stash-pipeline doctor`` looks at: this machine, the database, the servers, and what is made of them."""
