"""PostgreSQL clusters of a test's own, of any version: what can be promoted, copied and restored.

Debian 12's version is taken from the system; others come from Maven Central (tools/lib.sh, bring_postgres), which has
initdb, pg_ctl and postgres only. So a base backup here is a copy of a stopped server's folder.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess

import psycopg2

import harness
from harness import ROOT, Database, free_port, wait_until

USER = "source_user"


def as_postgres(*command, **keywords):
    """PostgreSQL refuses root."""
    if os.getuid() == 0:
        command = ("runuser", "-u", "postgres", "--", *command)
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, cwd="/", **keywords)


def binaries(version):
    found = subprocess.run(["bash", "-c", '. "$0/tools/lib.sh" && bring_postgres "$1"', ROOT, str(version)], check=True,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    return pathlib.Path(found.stdout.strip())


class Cluster:
    """A context manager; on leaving, the server is stopped and its folder deleted."""

    def __init__(self, name, version):
        self.name = f"{name}_{version}_{os.getpid()}"
        self.bin = binaries(version)
        self.port = free_port()
        self.folder = pathlib.Path(os.environ["STACK_STATE"]) / "clusters" / self.name
        harness.SERVERS[self.name] = f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres"

    def __enter__(self):
        self.folder.parent.mkdir(exist_ok=True)
        self.remove()
        self.own(self.folder)
        as_postgres(self.bin / "initdb", "-D", self.folder, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                    check=True, stdout=subprocess.DEVNULL)
        self.configure(listen_addresses="127.0.0.1", unix_socket_directories="", wal_level="logical", max_wal_senders=10,
                       max_replication_slots=10, fsync="off", timezone="UTC", wal_keep_size="128MB")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        self.remove()

    @staticmethod
    def own(folder):
        folder.mkdir()
        folder.chmod(0o700)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, **settings):
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        with open(self.folder / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(lines)

    def signal_file(self, name):
        as_postgres("touch", self.folder / name, check=True)

    def start(self):
        as_postgres(self.bin / "pg_ctl", "-D", self.folder, "-l", self.folder / "log", "-t", "60", "-w", "-o", f"-p {self.port}",
                    "start", check=True, stdout=subprocess.DEVNULL)
        return self

    def stop(self, mode="fast"):
        as_postgres(self.bin / "pg_ctl", "-D", self.folder, "-m", mode, "-t", "60", "-w", "stop", check=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def promote(self):
        as_postgres(self.bin / "pg_ctl", "-D", self.folder, "-t", "60", "-w", "promote", check=True, stdout=subprocess.DEVNULL)

    def copy_to(self, folder):
        """Of a stopped server: what a backup would hold."""
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-a", self.folder, folder], check=True, stdin=subprocess.DEVNULL)

    def database(self, name="postgres"):
        return Database(self.name, name)

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def capture(self, pipeline, **more):
        """This server is the pipeline's source from now on."""
        pipeline.source = self.database(pipeline.name)
        pipeline.source_options.update({"database.hostname": "127.0.0.1", "database.port": self.port, "database.user": USER,
                                        "database.password": "none", "database.dbname": pipeline.name, **more})
        return pipeline.source


@contextlib.contextmanager
def on_clusters(pipeline):
    """Gives the pipeline its own source back at the end, which it cleans up."""
    source = pipeline.source
    try:
        yield pipeline
        pipeline.show_log()
    finally:
        pipeline.kill()
        pipeline.source.close()
        pipeline.source = source


class Standby(Cluster):
    """A streaming copy of a primary, with its logical slots where both servers can (17)."""

    def __enter__(self):
        self.folder.parent.mkdir(exist_ok=True)
        self.remove()
        return self

    def follow(self, primary):
        """The primary is stopped for a moment: that is our base backup."""
        primary.database().query("SELECT pg_create_physical_replication_slot('standby', true)")
        primary.stop()
        primary.copy_to(self.folder)
        primary.start()
        self.configure(primary_slot_name="standby", hot_standby_feedback="on", sync_replication_slots="on",
                       synchronized_standby_slots="", wal_receiver_status_interval=1,
                       primary_conninfo=f"host=127.0.0.1 port={primary.port} user={USER} dbname=postgres")
        self.signal_file("standby.signal")
        return self.start()

    def wait_slot(self, slot, primary):
        """Until a promotion would keep the slot."""
        def synced():
            with contextlib.suppress(psycopg2.OperationalError):
                primary.database().query("SELECT pg_log_standby_snapshot()")
            return self.database().query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND synced AND NOT temporary "
                                         "AND invalidation_reason IS NULL", [slot])
        wait_until("the slot on the standby", synced, 120, every=0.5)
