"""What happens after the tap: clearing, fees, netting, settlement statements, finance reports."""
