"""The real gateway before an emulated lakeFS."""

import proxies
import running


class World:
    """A lakeFS, what counts its links, and one gateway."""

    def __init__(self, lakefs_flags=(), gateway_flags=()):
        self.lakefs = Lakefs(*lakefs_flags)
        self.proxy = proxies.LakefsProxy(self.lakefs.url)
        self.gateway = running.Gateway(self.proxy.url, flags=gateway_flags)

    def another_gateway(self, **options):
        return running.Gateway(self.proxy.url, **options)

    def stop(self):
        self.gateway.stop()
        self.proxy.close()
        self.lakefs.stop()


class Lakefs(running.Lakefs):
    """running.Lakefs with flags."""

    def __init__(self, *flags):
        running.Process.__init__(self, "lakefs-emulator", "--port=0", *flags)
        self.url = self.wait_for(r"listening on (http://127\.0\.0\.1:\d+)")
