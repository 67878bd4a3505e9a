"""Pictures for people: the cover, the contact sheet, before beside after."""
