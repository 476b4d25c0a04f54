"""What a client can ask, grouped as the service groups its keys; `client.KeyServiceClient` has all of them."""
