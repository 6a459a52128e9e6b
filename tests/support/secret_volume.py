# SPDX-License-Identifier: Apache-2.0
"""A Secret as the kubelet mounts it, and how it renews one."""

import os
import pathlib
import shutil


class SecretVolume:
    """Files in `folder` that change all at once: each is a symlink through `..data`, which is
    swapped."""

    def __init__(self, folder, **files):
        """`files` as of `write`."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self._version = 0
        self.write(**files)

    def path(self, name):
        return self.folder / name

    def write(self, **files):
        """Replaces what is there; "_" in a name means "."."""
        self._version += 1
        data = self.folder / f"..version_{self._version}"
        data.mkdir()
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            (data / name.replace("_", ".")).write_bytes(content)
        link = self.folder / "..data"
        old = link.exists() and link.resolve()
        (self.folder / "..data_tmp").symlink_to(data.name)
        os.replace(self.folder / "..data_tmp", link)
        for name in (one.name for one in data.iterdir()):
            if not self.path(name).is_symlink():
                self.path(name).symlink_to(pathlib.Path("..data") / name)
        if old:
            shutil.rmtree(old)
