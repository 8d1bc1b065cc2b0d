"""front.png, and what it shares with the page's figures: styles, scales, where names are written."""
