"""Well-known shared libraries, and the Debian packages that have them."""

from __future__ import annotations

# As Debian 12 names them, or the last release that had them.
PACKAGES = dict(
    line.split()
    for line in """
    libEGL.so.1 libegl1
    libGL.so.1 libgl1
    libGLU.so.1 libglu1-mesa
    libICE.so.6 libice6
    libOpenGL.so.0 libopengl0
    libSM.so.6 libsm6
    libX11.so.6 libx11-6
    libXext.so.6 libxext6
    libXi.so.6 libxi6
    libXrender.so.1 libxrender1
    libXft.so.2 libxft2
    libXss.so.1 libxss1
    libaio.so.1 libaio1
    libasound.so.2 libasound2
    libatomic.so.1 libatomic1
    libblas.so.3 libblas3
    libbz2.so.1.0 libbz2-1.0
    libcairo.so.2 libcairo2
    libcrypt.so.1 libcrypt1
    libcrypto.so.1.1 libssl1.1
    libcrypto.so.3 libssl3
    libcurl.so.4 libcurl4
    libdb-5.3.so libdb5.3
    libexpat.so.1 libexpat1
    libffi.so.7 libffi7
    libffi.so.8 libffi8
    libfontconfig.so.1 libfontconfig1
    libfreetype.so.6 libfreetype6
    libgcc_s.so.1 libgcc-s1
    libgdal.so.32 libgdal32
    libgdbm.so.6 libgdbm6
    libgdbm_compat.so.4 libgdbm-compat4
    libgeos_c.so.1 libgeos-c1v5
    libgfortran.so.5 libgfortran5
    libglib-2.0.so.0 libglib2.0-0
    libgthread-2.0.so.0 libglib2.0-0
    libgobject-2.0.so.0 libglib2.0-0
    libgomp.so.1 libgomp1
    libgssapi_krb5.so.2 libgssapi-krb5-2
    libhdf5_serial.so.103 libhdf5-103-1
    libhistory.so.8 libreadline8
    libicuuc.so.72 libicu72
    libjpeg.so.62 libjpeg62-turbo
    libkrb5.so.3 libkrb5-3
    liblapack.so.3 liblapack3
    liblber-2.5.so.0 libldap-2.5-0
    libldap-2.5.so.0 libldap-2.5-0
    liblz4.so.1 liblz4-1
    liblzma.so.5 liblzma5
    libmagic.so.1 libmagic1
    libmariadb.so.3 libmariadb3
    libmpdec.so.3 libmpdec3
    libncursesw.so.6 libncursesw6
    libnsl.so.2 libnsl2
    libnss3.so libnss3
    libnuma.so.1 libnuma1
    libodbc.so.2 libodbc2
    libopenblas.so.0 libopenblas0
    libpanelw.so.6 libncursesw6
    libpango-1.0.so.0 libpango-1.0-0
    libpcre2-8.so.0 libpcre2-8-0
    libpng16.so.16 libpng16-16
    libportaudio.so.2 libportaudio2
    libpq.so.5 libpq5
    libproj.so.25 libproj25
    libpulse.so.0 libpulse0
    libreadline.so.8 libreadline8
    libsasl2.so.2 libsasl2-2
    libsndfile.so.1 libsndfile1
    libsnappy.so.1 libsnappy1v5
    libsqlite3.so.0 libsqlite3-0
    libssl.so.1.1 libssl1.1
    libssl.so.3 libssl3
    libstdc++.so.6 libstdc++6
    libsybdb.so.5 libsybdb5
    libsystemd.so.0 libsystemd0
    libtbb.so.12 libtbb12
    libtcl8.6.so libtcl8.6
    libtiff.so.6 libtiff6
    libtinfo.so.6 libtinfo6
    libtirpc.so.3 libtirpc3
    libtk8.6.so libtk8.6
    libudev.so.1 libudev1
    libusb-1.0.so.0 libusb-1.0-0
    libuuid.so.1 libuuid1
    libxcb.so.1 libxcb1
    libxkbcommon.so.0 libxkbcommon0
    libxml2.so.2 libxml2
    libxmlsec1.so.1 libxmlsec1
    libxslt.so.1 libxslt1.1
    libyaml-0.so.2 libyaml-0-2
    libz.so.1 zlib1g
    libzmq.so.5 libzmq5
    libzstd.so.1 libzstd1
    """.strip().splitlines()
)


def package_of(library: str) -> str:
    """Give the Debian package that has a library; nothing for one that is not well-known.

    A file is asked for by its soname, such as libgomp.so.1, or by its own name, libgomp.so.1.0.0.
    """
    stem, _, version = library.partition(".so.")
    return PACKAGES.get(library) or PACKAGES.get(f"{stem}.so.{version.partition('.')[0]}", "")
