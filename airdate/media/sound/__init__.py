"""Sound: listened to once, made as loud as is asked, put under a silent film."""
