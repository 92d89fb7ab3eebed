"""Networks: the streaming IMSE and the published offline IMSE."""
