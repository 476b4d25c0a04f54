"""The card bridge's server side: staff PCs paired with the server, and the hub through which their readers are used."""
