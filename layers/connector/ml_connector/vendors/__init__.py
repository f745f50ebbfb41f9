"""Link vendors to suppliers, check the links and align both sides; `worker` takes the messages."""
