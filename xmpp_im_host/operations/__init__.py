"""What an operator needs: the log, metrics, a health check, and the control socket of the commands."""
