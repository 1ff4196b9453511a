"""Checks compose/ without a container engine: what it names must be there, and its parts must agree."""

import re
import socket
import subprocess
import threading
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose"
YAML = (COMPOSE / "docker-compose.yml").read_text()
DOCKERFILE = (COMPOSE / "Dockerfile").read_text()
CONFIG = (COMPOSE / "walrelay.toml").read_text()


class ComposeTest(unittest.TestCase):
    def test_every_mounted_file_is_in_the_repository(self):
        mounted = re.findall(r"- (\.\.?/[^:]+):", YAML)
        self.assertIn("../sql/source.sql", mounted)
        self.assertIn("./walrelay.toml", mounted)
        for name in mounted:
            self.assertTrue((COMPOSE / name).is_file(), name)

    def test_every_variable_of_the_compose_file_is_in_env(self):
        defined = set(re.findall(r"^(\w+)=.", (COMPOSE / ".env").read_text(), re.MULTILINE))
        self.assertEqual(set(re.findall(r"\$\{(\w+)\}", YAML)), defined)

    def test_every_variable_of_the_configuration_is_given_to_the_container(self):
        service = YAML[YAML.index("  walrelay:\n") : YAML.index("\nvolumes:")]
        for name in set(re.findall(r"\$\{env:(\w+)\}", CONFIG)):
            self.assertIn(f"      {name}: ${{{name}}}\n", service)

    def test_the_configuration_names_services(self):
        config = tomllib.loads(CONFIG)
        services = set(re.findall(r"^  (\w+):$", YAML[YAML.index("\nservices:") : YAML.index("\nvolumes:")], re.MULTILINE))
        hosts = {
            config["source"]["database"]["hostname"],
            config["kafka"]["bootstrap"]["servers"].split(":")[0],
            *(re.search(r"host=(\w+)", config[sink]["connection"])[1] for sink in ("lake", "target")),
        }
        self.assertEqual(services, hosts | {"walrelay"})

    def test_databases_and_users_agree(self):
        for name in ("source_db", "source_user", "datalake_db", "datalake_user", "target_db", "target_user"):
            self.assertIn(name, CONFIG)
            self.assertRegex(YAML, rf"POSTGRES_(DB|USER): {name}\n")

    def test_the_image_installs_what_the_setup_script_installs(self):
        script = (ROOT / "tools" / "lib.sh").read_text()
        packages = set(re.search(r"BUILD_PACKAGES=\(([^)]*)\)", script)[1].split()) - {"ccache"}
        self.assertLessEqual(packages, set(DOCKERFILE.split()))

    def test_the_health_check_tells_200_from_other_answers(self):
        command = re.search(r'CMD \["bash", "-c", "(.*)"\]', DOCKERFILE)[1]
        command = command.replace("\\\\", "\\").replace('\\"', '"')
        for status, expected in (("200 OK", 0), ("503 Service Unavailable", 1)):
            request, code = self.ask(command, f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(request, b"GET /health HTTP/1.0\r\n\r\n")
            self.assertEqual(code, expected)

    def ask(self, command, answer):
        """What the health check sends, and its exit code when it gets this answer; on a port of its own."""
        received = bytearray()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            port = server.getsockname()[1]

            def serve():
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(10)
                    # bash sends line by line; closing with a line unread would reset the connection.
                    while not received.endswith(b"\r\n\r\n"):
                        piece = connection.recv(1000)
                        if not piece:
                            return
                        received.extend(piece)
                    connection.sendall(answer.encode())

            thread = threading.Thread(target=serve)
            thread.start()
            done = subprocess.run(["bash", "-c", command.replace("/8083", f"/{port}")], check=False, timeout=20)
            thread.join()
            return bytes(received), done.returncode


if __name__ == "__main__":
    unittest.main()
