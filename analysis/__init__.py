"""Statistics on views of the warehouse; knows no study's raw format."""
