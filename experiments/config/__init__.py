"""What configs/*.yaml say."""
