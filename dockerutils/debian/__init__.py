"""Images from Debian packages: the archives, the installation, and the trees that are kept."""
