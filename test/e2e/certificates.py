"""Certificates for tests, by the openssl program: NAME.pem, NAME.key."""

import random
import subprocess


def openssl(dir, *args):
    subprocess.run(["openssl", *args], cwd=dir, check=True, capture_output=True)


KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def authority(dir, name):
    openssl(
        *(dir, "req", "-x509", *KEY, "-keyout", f"{name}.key"),
        *("-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2"),
    )


def certificate(dir, name, by, days="2", hosts="DNS:node"):
    """`hosts`: as openssl writes a subjectAltName."""
    (dir / f"{name}.ext").write_text(f"subjectAltName={hosts}\n")
    openssl(
        *(dir, "req", *KEY, "-keyout", f"{name}.key"),
        *("-out", f"{name}.csr", "-subj", f"/CN={name}"),
    )
    openssl(
        *(dir, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem"),
        *("-CAkey", f"{by}.key", "-set_serial", str(random.getrandbits(60))),
        *("-out", f"{name}.pem", "-days", days, "-extfile", f"{name}.ext"),
    )
