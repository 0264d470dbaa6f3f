"""The compliance page: servers and clients across, sections and requirements down, built from the results of runs."""
