# SPDX-License-Identifier: Apache-2.0
"""A load on the first GPU that needs the driver alone: CUDA's driver API, a kernel as PTX text.

A process of its own, which is killed in the end: load.py compute|copy SECONDS LIBRARY. Writes one
line of JSON once the load runs (`uuid`, `name`, `allocated_mib`), or one with `error`, and ends by
itself after SECONDS or with its parent, whichever is first.
"""

import ctypes
import json
import signal
import sys
import time

HOST_BYTES = 64 << 20
MIB = 1 << 20
THREADS = 256
BLOCKS_PER_MULTIPROCESSOR = 8
LAUNCH_SECONDS = 0.02
LAUNCHES = 4
_MULTIPROCESSORS, _MAJOR, _MINOR = 16, 75, 76  # CUdevice_attribute
_PR_SET_PDEATHSIG = 1

# Each thread multiplies and adds for so many rounds, then keeps its result, which is why none of it
# can be left out. PTX is compiled by the driver for whatever GPU there is.
PTX = """
.version 6.3
.target %s
.address_size 64
.visible .entry spin(.param .u64 results, .param .u32 rounds)
{
  .reg .f32 %%f<6>;
  .reg .pred %%p;
  .reg .u32 %%r<6>;
  .reg .u64 %%a<4>;
  ld.param.u64 %%a1, [results];
  ld.param.u32 %%r1, [rounds];
  cvta.to.global.u64 %%a1, %%a1;
  mov.u32 %%r2, %%ctaid.x;
  mov.u32 %%r3, %%ntid.x;
  mov.u32 %%r4, %%tid.x;
  mad.lo.u32 %%r2, %%r2, %%r3, %%r4;
  mul.wide.u32 %%a2, %%r2, 4;
  add.u64 %%a1, %%a1, %%a2;
  cvt.rn.f32.u32 %%f1, %%r2;
  mov.f32 %%f2, 0f3F7FFFFE;
  mov.f32 %%f3, 0f3F800001;
  mov.f32 %%f4, %%f1;
  mov.f32 %%f5, %%f2;
AGAIN:
  fma.rn.f32 %%f1, %%f1, %%f2, %%f3;
  fma.rn.f32 %%f4, %%f4, %%f2, %%f3;
  fma.rn.f32 %%f5, %%f5, %%f2, %%f3;
  fma.rn.f32 %%f1, %%f1, %%f2, %%f3;
  fma.rn.f32 %%f4, %%f4, %%f2, %%f3;
  fma.rn.f32 %%f5, %%f5, %%f2, %%f3;
  sub.u32 %%r1, %%r1, 1;
  setp.ne.u32 %%p, %%r1, 0;
  @%%p bra AGAIN;
  add.f32 %%f1, %%f1, %%f4;
  add.f32 %%f1, %%f1, %%f5;
  st.global.f32 [%%a1], %%f1;
  ret;
}
"""


class CudaError(Exception):
    """A call that did not succeed."""


def ptx_for(major, minor):
    """The kernel for a compute capability. New drivers may have dropped what is below 7.5."""
    return PTX % ("sm_75" if (major, minor) >= (7, 5) else "sm_50")


class Cuda:
    """libcuda with the calls that are needed; a failure is a CudaError that names the call."""

    _INT, _UINT, _SIZE = ctypes.c_int, ctypes.c_uint, ctypes.c_size_t
    _POINTER, _DEVICE_POINTER = ctypes.c_void_p, ctypes.c_uint64
    _CALLS = {
        "cuInit": [_UINT],
        "cuDriverGetVersion": [_POINTER],
        "cuDeviceGetCount": [_POINTER],
        "cuDeviceGet": [_POINTER, _INT],
        "cuDeviceGetName": [_POINTER, _INT, _INT],
        "cuDeviceGetUuid": [_POINTER, _INT],
        "cuDeviceGetUuid_v2": [_POINTER, _INT],
        "cuDeviceGetAttribute": [_POINTER, _INT, _INT],
        "cuDevicePrimaryCtxRetain": [_POINTER, _INT],
        "cuCtxSetCurrent": [_POINTER],
        "cuCtxSynchronize": [],
        "cuMemGetInfo_v2": [_POINTER, _POINTER],
        "cuMemAlloc_v2": [_POINTER, _SIZE],
        "cuMemHostAlloc": [_POINTER, _SIZE, _UINT],
        "cuMemsetD8_v2": [_DEVICE_POINTER, ctypes.c_ubyte, _SIZE],
        "cuMemcpyHtoD_v2": [_DEVICE_POINTER, _POINTER, _SIZE],
        "cuMemcpyDtoH_v2": [_POINTER, _DEVICE_POINTER, _SIZE],
        "cuModuleLoadData": [_POINTER, _POINTER],
        "cuModuleGetFunction": [_POINTER, _POINTER, ctypes.c_char_p],
        "cuLaunchKernel": [_POINTER] + [_UINT] * 7 + [_POINTER, _POINTER, _POINTER],
    }

    def __init__(self, file):
        self._library = ctypes.CDLL(file)

    def call(self, name, *arguments):
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise CudaError(f"{name}: this driver does not have it") from None
        function.restype = ctypes.c_int
        function.argtypes = self._CALLS[name]
        code = function(*arguments)
        if code != 0:
            raise CudaError(f"{name}: CUDA error {code}")

    def get(self, kind, name, *arguments):
        """The value of a call that writes one through its first argument."""
        value = kind()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value


class Load:
    """The first CUDA device with about half of its free memory taken."""

    def __init__(self, file):
        cuda = self._cuda = Cuda(file)
        cuda.call("cuInit", 0)
        device = cuda.get(ctypes.c_int, "cuDeviceGet", 0)
        name = ctypes.create_string_buffer(96)
        cuda.call("cuDeviceGetName", name, len(name), device)
        self.name = name.value.decode(errors="replace")
        self.uuid = self._uuid(device)
        attribute = [cuda.get(ctypes.c_int, "cuDeviceGetAttribute", which, device)
                     for which in (_MULTIPROCESSORS, _MAJOR, _MINOR)]
        self._blocks = attribute[0] * BLOCKS_PER_MULTIPROCESSOR
        self._ptx = ptx_for(*attribute[1:])
        cuda.call("cuCtxSetCurrent", cuda.get(ctypes.c_void_p, "cuDevicePrimaryCtxRetain", device))
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        cuda.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        self.bytes = max(free.value // 2, HOST_BYTES)
        self._memory = cuda.get(ctypes.c_uint64, "cuMemAlloc_v2", self.bytes)

    def _uuid(self, device):
        def ask(name):
            value = ctypes.create_string_buffer(16)
            try:
                self._cuda.call(name, value, device)
            except CudaError:
                return None
            return value.raw.hex()
        gpu, own = ask("cuDeviceGetUuid"), ask("cuDeviceGetUuid_v2")
        if gpu is None and own is None:
            raise CudaError("cuDeviceGetUuid: no answer, so that nobody knows which GPU it is")
        # Only of a MIG device the newer call has another answer.
        kind = "GPU" if None in (gpu, own) or own == gpu else "MIG"
        own = own or gpu
        return "-".join([kind, own[:8], own[8:12], own[12:16], own[16:20], own[20:]])

    def compute(self):
        """Returns a function that keeps the GPU busy for a moment: arithmetic, then memory."""
        module = self._cuda.get(ctypes.c_void_p, "cuModuleLoadData", self._ptx.encode())
        kernel = self._cuda.get(ctypes.c_void_p, "cuModuleGetFunction", module, b"spin")
        rounds = 1000
        while True:
            began = time.monotonic()
            self._launch(kernel, rounds, 1)
            took = time.monotonic() - began
            if took >= LAUNCH_SECONDS or rounds >= 1 << 28:
                break
            rounds *= 2

        def once():
            self._launch(kernel, rounds, LAUNCHES)
            self._cuda.call("cuMemsetD8_v2", self._memory, 0, self.bytes)
        return once

    def _launch(self, kernel, rounds, launches):
        values = [ctypes.c_uint64(self._memory), ctypes.c_uint32(rounds)]
        arguments = (ctypes.c_void_p * 2)(*[ctypes.addressof(value) for value in values])
        for _ in range(launches):
            self._cuda.call("cuLaunchKernel", kernel, self._blocks, 1, 1, THREADS, 1, 1, 0, None,
                            arguments, None)
        self._cuda.call("cuCtxSynchronize")

    def copy(self):
        """Returns a function that copies to the GPU and back, from memory that does not move."""
        host = self._cuda.get(ctypes.c_void_p, "cuMemHostAlloc", HOST_BYTES, 0)

        def once():
            self._cuda.call("cuMemcpyHtoD_v2", self._memory, host, HOST_BYTES)
            self._cuda.call("cuMemcpyDtoH_v2", host, self._memory, HOST_BYTES)
        return once


def tell(**what):
    print(json.dumps(what), flush=True)


def main(kind, seconds, library):
    # A check that is killed leaves no load behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        load = Load(library)
        once = load.compute() if kind == "compute" else load.copy()
        once()
        tell(uuid=load.uuid, name=load.name, allocated_mib=load.bytes / MIB)
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            once()
    except OSError as error:
        tell(error=f"libcuda: {error}")
    except CudaError as error:
        tell(error=str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
