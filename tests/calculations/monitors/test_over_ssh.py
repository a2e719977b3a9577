"""The end of the files of a job, read over a real SSH connection on the loopback."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading

import asyncssh
import pytest

from aiida_crystalmath.calculations.monitors.reading import read_ends


async def run_command(process: asyncssh.SSHServerProcess) -> None:
    """Run the command of a session in a shell, as sshd does."""
    done = await asyncio.to_thread(subprocess.run, ['/bin/sh', '-c', process.command or 'true'], capture_output=True)
    process.stdout.write(done.stdout)
    process.stderr.write(done.stderr)
    process.exit(done.returncode)


@pytest.fixture
def server(tmp_path):
    """Serve SSH on the loopback; return port and file of the user's key."""
    host, user = (asyncssh.generate_private_key('ssh-ed25519') for _ in range(2))
    key = tmp_path / 'id_ed25519'
    user.write_private_key(str(key))
    key.chmod(0o600)
    authorised = tmp_path / 'authorized_keys'
    authorised.write_bytes(user.export_public_key())
    loop = asyncio.new_event_loop()

    async def listen():
        return await asyncssh.listen(
            '127.0.0.1',
            0,
            server_host_keys=[host],
            authorized_client_keys=str(authorised),
            process_factory=run_command,
            sftp_factory=True,
            encoding=None,
        )

    acceptor = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield acceptor.get_port(), key
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.mark.filterwarnings('ignore')
def test_read_over_ssh(server, tmp_path):
    """Through AiiDA's core.ssh: the last bytes, and nothing of what is not there."""
    from aiida.transports.plugins.ssh import SshTransport

    port, key = server
    folder = tmp_path / 'a folder'
    folder.mkdir()
    (folder / 'crystal.out').write_text('x' * 100_000 + '\n CYC   9\n')
    transport = SshTransport(
        machine='127.0.0.1',
        port=port,
        username=os.environ.get('USER', 'root'),
        key_filename=str(key),
        key_policy='AutoAddPolicy',
        load_system_host_keys=False,
        look_for_keys=False,
        allow_agent=False,
        use_login_shell=False,
    )
    with transport:
        assert read_ends(transport, str(folder), ['crystal.out', 'SCFOUT.LOG'], 12) == {'crystal.out': 'xx\n CYC   9\n'}
        assert read_ends(transport, '/nowhere', ['crystal.out'], 12) == {}
