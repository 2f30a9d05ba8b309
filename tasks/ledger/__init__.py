"""What is on record about a day: who holds it, what was asked, what it cost, when it must end."""
