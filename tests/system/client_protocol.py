#!/usr/bin/env python3
"""A client of portd written from proto/PROTOCOL.md and proto/portd.proto alone.

It shares no code with the library, and speaks to a broker that it starts itself. What it cannot do by what those two
files say is a fault of those files. PORTD_DAEMON names the broker's program, PORTD_SOURCE the folder with proto/.
Exits 77 where the Python module of protobuf or its compiler is not installed.
"""
import array
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
HEADER = struct.Struct('<IHH')
FDS_ROOM = 253
PATIENCE = 20  # seconds for what comes at once; nothing is measured

try:
    import google.protobuf  # noqa: F401
except ImportError:
    print('the Python module google.protobuf is not installed')
    sys.exit(SKIPPED)


def compile_schema(folder):
    """Makes portd_pb2 of the schema and returns it."""
    protoc = shutil.which('protoc')
    if not protoc:
        print('protoc is not installed')
        sys.exit(SKIPPED)
    source = os.path.join(os.environ['PORTD_SOURCE'], 'proto')
    subprocess.run([protoc, '-I', source, '--python_out', folder, 'portd.proto'], check=True)
    sys.path.insert(0, folder)
    import portd_pb2
    return portd_pb2


class Ended(Exception):
    """The broker has closed the connection."""


class Refused(Exception):
    """A reply with an error."""

    def __init__(self, error):
        super().__init__(error.message)
        self.code, self.error = error.code, error


class Client:
    """One connection: frames with their descriptors, requests and replies."""

    def __init__(self, address):
        assert address.startswith('unix:')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address[len('unix:'):])
        self.bytes = b''      # received and not cut yet
        self.offset = 0       # in the stream, of their first byte
        self.attached = {}    # stream offset of a frame: its descriptors
        self.last_id = 0
        self.replies = {}     # by id, those that nobody has asked for yet
        self.order = []       # ids of replies as they came

    def close(self):
        self.socket.close()
        for fds in self.attached.values():
            for fd in fds:
                os.close(fd)
        self.attached = {}

    # Frames: sections 2 and 3.

    def send_bytes(self, data, fds=()):
        """All descriptors with the first byte, in a sendmsg of its own; the rest without."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        try:
            sent = self.socket.sendmsg([data], ancillary)
            while sent < len(data):
                sent += self.socket.send(data[sent:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Ended from error

    def send_body(self, body, fds=()):
        self.send_bytes(HEADER.pack(len(body), len(fds), 0) + body, fds)

    def last_frame_from(self, begin):
        """Stream offset of the last frame whose first byte is at begin or behind it; None if there is none."""
        at, last = self.offset, None
        while at < self.offset + len(self.bytes):
            if at >= begin:
                last = at
            rest = self.bytes[at - self.offset:]
            if len(rest) < HEADER.size:
                break
            at += HEADER.size + HEADER.unpack_from(rest)[0]
        return last

    def receive(self):
        room = socket.CMSG_SPACE(FDS_ROOM * array.array('i').itemsize)
        begin = self.offset + len(self.bytes)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(65536, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError as error:
            raise Ended from error
        if not data:
            raise Ended
        self.bytes += data
        fds = array.array('i')
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
        if fds:
            owner = self.last_frame_from(begin)
            self.attached.setdefault(owner, []).extend(fds)

    def next_frame(self):
        """A body and the descriptors that came with it."""
        while True:
            if len(self.bytes) >= HEADER.size:
                length, n_fds, flags = HEADER.unpack_from(self.bytes)
                assert flags == 0 and 0 < length <= 69632 and n_fds <= 252
                end = HEADER.size + length
                if len(self.bytes) >= end:
                    body, self.bytes = self.bytes[HEADER.size:end], self.bytes[end:]
                    fds = self.attached.pop(self.offset, [])
                    assert len(fds) == n_fds
                    self.offset += end
                    return body, fds
            self.receive()

    # Requests and replies: section 4.

    def start(self, method, message=None, fds=(), request_id=None):
        """Sends a request and returns its id."""
        self.last_id += 1
        request = pb.Request(id=request_id or self.last_id)
        field = getattr(request, method)
        field.SetInParent()
        if message is not None:
            field.CopyFrom(message)
        self.send_body(request.SerializeToString(), fds)
        return request.id

    def next_reply(self):
        body, fds = self.next_frame()
        reply = pb.Reply.FromString(body)
        self.order.append(reply.id)
        return reply, fds

    def finish(self, request_id):
        """The reply to a request, whatever comes before it; with its descriptors."""
        while request_id not in self.replies:
            reply, fds = self.next_reply()
            assert reply.id not in self.replies
            self.replies[reply.id] = reply, fds
        reply, fds = self.replies.pop(request_id)
        if reply.HasField('error'):
            assert reply.WhichOneof('result') is None and not fds
            raise Refused(reply.error)
        return reply, fds

    def ask_fds(self, method, message=None, fds=()):
        reply, received = self.finish(self.start(method, message, fds))
        assert reply.WhichOneof('result') == method
        return getattr(reply, method), received

    def ask(self, method, message=None, fds=()):
        result, received = self.ask_fds(method, message, fds)
        assert not received
        return result

    def is_answered(self, request_id):
        """Whether the reply is there, without waiting: after the answer to a ping that was sent later."""
        self.ask('ping')
        return request_id in self.replies

    # The calls.

    def hello(self, **fields):
        self.welcome = self.ask('hello', pb.Hello(version_min=1, version_max=1, client='stranger', **fields))
        return self.welcome

    def semaphore(self, fd, mode, attach=True):
        return self.ask('file_descriptor_to_semaphore', pb.Descriptor(number=fd, mode=mode), [fd] if attach else [])

    def evt(self, fd, mode, attach=True):
        return self.ask('fd_to_evt', pb.DescriptorEvt(number=fd, mode=mode), [fd] if attach else [])

    def start_wait(self, ids, **fields):
        return self.start('wait', pb.Wait(ids=ids, **fields))

    def finish_wait(self, request_id):
        reply, _ = self.finish(request_id)
        return [(ready.id, ready.cause) for ready in reply.wait.ready]

    def wait(self, ids, **fields):
        return self.finish_wait(self.start_wait(ids, **fields))


class Broker:
    """The real one, at an address of its own."""

    def __init__(self, folder):
        self.address = 'unix:' + os.path.join(folder, 'portd.sock')
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [os.environ['PORTD_DAEMON'], '--listen', self.address, '--notify-fd', str(writing), '--log-level', 'error'],
            stdin=subprocess.DEVNULL, pass_fds=[writing])
        os.close(writing)
        ready = os.read(reading, 1)
        os.close(reading)
        if ready != b'\n':
            raise RuntimeError(f'portd does not start: {self.process.wait(PATIENCE)}')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Case(unittest.TestCase):
    def setUp(self):
        self.clients, self.fds = [], []

    def tearDown(self):
        for client in self.clients:
            client.close()
        for fd in self.fds:
            os.close(fd)

    def connect(self):
        client = Client(broker.address)
        self.clients.append(client)
        return client

    def open(self, **fields):
        client = self.connect()
        client.hello(**fields)
        return client

    def pipe(self):
        ends = os.pipe()
        self.fds += ends
        return ends

    def refused(self, code, call, *arguments, **fields):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **fields)
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(caught.exception.error.message)
        return caught.exception.error

    def ended(self, client):
        with self.assertRaises(Ended):
            client.next_frame()


class Conversation(Case):
    """Section 8, with the bytes as they are printed there."""

    def test_bytes_of_the_document(self):
        client = self.connect()
        client.send_bytes(bytes.fromhex('0800000000000000 0801 520408011001'))
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.WhichOneof('result')), (1, 'hello'))
        self.assertEqual(reply.hello.version, 1)
        reading, writing = self.pipe()
        client.send_bytes(bytes.fromhex('0800000001000000 0802 6a0408051001'), [reading])
        reply, _ = client.next_reply()
        made = reply.file_descriptor_to_semaphore
        self.assertEqual((reply.id, made.created), (2, True))
        self.assertTrue(made.descriptor)
        client.last_id = 2
        waiting = client.start_wait([made.id])
        os.write(writing, b'x')
        self.assertEqual(client.finish_wait(waiting), [(made.id, pb.CAUSE_READY)])


class Hello(Case):
    def test_welcome(self):
        welcome = self.open().welcome
        self.assertEqual(welcome.version, 1)
        self.assertGreater(welcome.window, 0)
        self.assertGreater(welcome.wait_targets, 0)
        self.assertFalse(welcome.joined)
        self.assertEqual(welcome.session & 7, pb.KIND_SESSION)
        self.assertLess(welcome.session, 1 << 53)

    def test_token_joins(self):
        client = self.open()
        other = self.open(token=client.welcome.token)
        self.assertTrue(other.welcome.joined)
        self.assertEqual(other.welcome.session, client.welcome.session)
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        self.assertEqual(other.semaphore(reading, pb.MODE_CHECK_READ, attach=False).id, made.id)

    def test_owner(self):
        if not hasattr(os, 'pidfd_open'):
            self.skipTest('no pidfds')
        pidfd = os.pidfd_open(os.getpid())
        self.fds.append(pidfd)
        first, second = self.connect(), self.connect()
        hello = pb.Hello(version_min=1, version_max=1, owner_attached=True)
        one, two = first.ask('hello', hello, [pidfd]), second.ask('hello', hello, [pidfd])
        self.assertEqual(one.session, two.session)
        self.assertEqual((one.joined, two.joined), (False, True))
        third = self.connect()
        third.hello(owner_pid=os.getpid())
        self.assertEqual(third.welcome.session, one.session)

    def test_owners_numbers_and_reach(self):
        if not hasattr(os, 'pidfd_open'):
            self.skipTest('no pidfds')
        pidfds = [os.pidfd_open(pid) for pid in (os.getpid(), os.getppid())]
        self.fds += pidfds
        both, one, wide = self.connect(), self.connect(), self.connect()
        welcome = both.ask('hello', pb.Hello(version_min=1, version_max=1, owners_attached=2, numbers_owner=2), pidfds)
        self.assertTrue({'owners', 'reach'} <= set(welcome.features))
        hello = pb.Hello(version_min=1, version_max=1, owners_attached=1, find=True)
        self.assertEqual(one.ask('hello', hello, [pidfds[1]]).session, welcome.session)
        wide.hello(reach=True)
        reading, writing = self.pipe()
        made = both.evt(reading, pb.MODE_READ)
        self.assertEqual(both.evt(reading, pb.MODE_CHECK_READ, attach=False).id, made.id)
        self.assertEqual(one.evt(reading, pb.MODE_CHECK_READ, attach=False).id, 0)
        os.write(writing, b'x')
        self.assertEqual(wide.wait([made.id]), [(made.id, pb.CAUSE_READY)])
        items = wide.ask('list', pb.List(kind=pb.KIND_EVT, session=welcome.session)).items
        self.assertEqual([(item.id, item.session) for item in items], [(made.id, welcome.session)])

    def test_refusal_ends(self):
        client = self.connect()
        error = self.refused(pb.CODE_VERSION, client.ask, 'hello', pb.Hello(version_min=2, version_max=9))
        self.assertIn('1', error.message)
        self.ended(client)
        client = self.connect()
        self.refused(pb.CODE_NOT_FOUND, client.hello, token='1.2')
        self.ended(client)

    def test_anything_else_first_ends(self):
        client = self.connect()
        client.start('ping')
        self.ended(client)

    def test_second_hello_ends(self):
        client = self.open()
        client.start('hello', pb.Hello(version_min=1, version_max=1))
        self.ended(client)


class Semaphores(Case):
    def test_fires_once(self):
        client = self.open()
        reading, writing = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        self.assertTrue(made.created)
        self.assertEqual(made.id & 7, pb.KIND_SEMAPHORE)
        again = client.semaphore(reading, pb.MODE_READ)
        self.assertEqual((again.id, again.created), (made.id, False))
        self.assertEqual(client.semaphore(reading, pb.MODE_CHECK_READ, attach=False).id, made.id)
        self.assertEqual(client.semaphore(reading, pb.MODE_CHECK_WRITE, attach=False).id, 0)
        waiting = client.start_wait([made.id])
        self.assertFalse(client.is_answered(waiting))
        os.write(writing, b'x')
        self.assertEqual(client.finish_wait(waiting), [(made.id, pb.CAUSE_READY)])
        os.read(reading, 1)
        self.assertEqual(client.wait([made.id]), [(made.id, pb.CAUSE_READY)])
        self.assertEqual(client.semaphore(reading, pb.MODE_CHECK_READ, attach=False).id, 0)
        fresh = client.semaphore(reading, pb.MODE_READ)
        self.assertTrue(fresh.created)
        self.assertNotEqual(fresh.id, made.id)

    def test_remove(self):
        client = self.open()
        reading, writing = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        waiting = client.start_wait([made.id])
        self.assertEqual(client.semaphore(reading, pb.MODE_REMOVE, attach=False).id, 0)
        self.assertEqual(client.finish_wait(waiting), [(made.id, pb.CAUSE_REMOVED)])
        # Answered when the broker's copy is closed: the reading end is ours alone now.
        self.fds.remove(reading)
        os.close(reading)
        with self.assertRaises(BrokenPipeError):
            os.write(writing, b'x')

    def test_remove_by_id(self):
        client = self.open()
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        client.ask('remove', pb.Remove(id=made.id))
        client.ask('remove', pb.Remove(id=made.id))
        self.assertEqual(client.wait([made.id]), [(made.id, pb.CAUSE_REMOVED)])

    def test_replaced(self):
        client = self.open()
        first, _ = self.pipe()
        second, _ = self.pipe()
        number = pb.Descriptor(number=77, mode=pb.MODE_READ)
        old = client.ask('file_descriptor_to_semaphore', number, [first])
        new = client.ask('file_descriptor_to_semaphore', number, [second])
        self.assertTrue(new.replaced and new.created and not old.replaced)
        self.assertEqual(client.wait([old.id]), [(old.id, pb.CAUSE_REPLACED)])

    def test_files_have_none(self):
        client = self.open()
        with tempfile.TemporaryFile() as file:
            answer = client.semaphore(file.fileno(), pb.MODE_READ)
            self.assertEqual((answer.id, answer.unsupported), (0, True))
            self.assertTrue(answer.reason)
            made = client.evt(file.fileno(), pb.MODE_READ)
            self.assertEqual(client.wait([made.id]), [(made.id, pb.CAUSE_READY)])

    def test_hang_up(self):
        client = self.open()
        near, far = socket.socketpair()
        with near, far:
            made = client.semaphore(near.fileno(), pb.MODE_READ)
            far.shutdown(socket.SHUT_WR)
            self.assertEqual(client.wait([made.id]), [(made.id, pb.CAUSE_HALF_CLOSE)])
            made = client.semaphore(near.fileno(), pb.MODE_READ)
            far.close()
            self.assertEqual(client.wait([made.id])[0][0], made.id)

    def test_refusals(self):
        client = self.open()
        reading, _ = self.pipe()
        call = 'file_descriptor_to_semaphore'
        self.refused(pb.CODE_INVALID, client.ask, call, pb.Descriptor(number=1, mode=0), [reading])
        self.refused(pb.CODE_INVALID, client.ask, call, pb.Descriptor(number=-1, mode=pb.MODE_READ), [reading])
        self.refused(pb.CODE_INVALID, client.ask, call, pb.Descriptor(number=1 << 31, mode=pb.MODE_READ), [reading])
        self.refused(pb.CODE_MISMATCH, client.ask, call, pb.Descriptor(number=1, mode=pb.MODE_READ))
        self.refused(pb.CODE_MISMATCH, client.ask, call, pb.Descriptor(number=1, mode=pb.MODE_READ), [reading] * 2)
        self.refused(pb.CODE_MISMATCH, client.ask, call, pb.Descriptor(number=1, mode=pb.MODE_REMOVE), [reading])
        path = os.open('/', os.O_PATH)
        self.fds.append(path)
        self.refused(pb.CODE_INVALID, client.semaphore, path, pb.MODE_READ)
        self.refused(pb.CODE_INVALID, client.semaphore, client.socket.fileno(), pb.MODE_READ)


class Events(Case):
    def test_follows_its_descriptor(self):
        client = self.open()
        reading, writing = self.pipe()
        made = client.evt(reading, pb.MODE_READ)
        self.assertEqual(made.id & 7, pb.KIND_EVT)
        self.assertEqual(client.wait([made.id], limit_us=0), [])
        for _ in range(3):
            waiting = client.start_wait([made.id])
            os.write(writing, b'x')
            self.assertEqual(client.finish_wait(waiting), [(made.id, pb.CAUSE_READY)])
            os.read(reading, 1)
            self.assertEqual(client.wait([made.id], limit_us=0), [])
        client.evt(reading, pb.MODE_REMOVE, attach=False)
        self.assertEqual(client.wait([made.id]), [(made.id, pb.CAUSE_REMOVED)])

    def test_both_directions(self):
        client = self.open()
        near, far = socket.socketpair()
        with near, far:
            readable, writable = client.evt(near.fileno(), pb.MODE_READ), client.evt(near.fileno(), pb.MODE_WRITE)
            self.assertNotEqual(readable.id, writable.id)
            self.assertEqual(client.wait([readable.id, writable.id]), [(writable.id, pb.CAUSE_READY)])
            waiting = client.start_wait([readable.id, writable.id], all=True)
            far.send(b'x')
            self.assertEqual(client.finish_wait(waiting),
                             [(readable.id, pb.CAUSE_READY), (writable.id, pb.CAUSE_READY)])


class Waits(Case):
    def test_limit(self):
        client = self.open()
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        self.assertEqual(client.wait([made.id], limit_us=0), [])
        self.assertEqual(client.wait([made.id], limit_us=2000), [])

    def test_cancel(self):
        client = self.open()
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        waiting = client.start_wait([made.id])
        cancelling = client.start('cancel', pb.Cancel(request=waiting))
        reply, _ = client.finish(cancelling)
        self.assertTrue(reply.cancel.found)
        self.assertEqual(client.order[-2:], [waiting, cancelling])
        self.refused(pb.CODE_CANCELLED, client.finish, waiting)
        self.assertFalse(client.ask('cancel', pb.Cancel(request=waiting)).found)

    def test_all_waiters(self):
        client = self.open()
        reading, writing = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        waiting = [client.start_wait([made.id]) for _ in range(300)]  # more than the window: parked ones do not count
        self.assertFalse(client.is_answered(waiting[0]))
        os.write(writing, b'x')
        for request_id in waiting:
            self.assertEqual(client.finish_wait(request_id), [(made.id, pb.CAUSE_READY)])

    def test_one_of_a_pool(self):
        client = self.open()
        self.assertIn('wait-one', client.welcome.features)
        reading, writing = self.pipe()
        made = client.evt(reading, pb.MODE_READ)
        first, second = (client.start_wait([made.id], one=True) for _ in range(2))
        self.assertFalse(client.is_answered(second))  # both are parked
        os.write(writing, b'x')
        self.assertEqual(client.finish_wait(first), [(made.id, pb.CAUSE_READY)])
        self.assertFalse(client.is_answered(second))
        os.write(writing, b'x')
        self.assertEqual(client.finish_wait(second), [(made.id, pb.CAUSE_READY)])

    def test_refusals(self):
        client = self.open()
        self.refused(pb.CODE_INVALID, client.wait, [])
        self.refused(pb.CODE_INVALID, client.wait, [1] * 257)
        self.refused(pb.CODE_NOT_FOUND, client.wait, [(1 << 53) - 5])

    def test_release(self):
        client = self.open()
        reading, writing = self.pipe()
        semaphore, evt = client.semaphore(reading, pb.MODE_READ), client.evt(reading, pb.MODE_READ)
        os.write(writing, b'x')
        client.wait([semaphore.id])
        client.ask('remove', pb.Remove(id=evt.id))
        client.ask('release', pb.Release(ids=[semaphore.id, evt.id]))
        for gone in semaphore.id, evt.id:
            self.refused(pb.CODE_NOT_FOUND, client.wait, [gone])
            self.refused(pb.CODE_NOT_FOUND, client.ask, 'release', pb.Release(ids=[gone]))
            self.refused(pb.CODE_NOT_FOUND, client.ask, 'remove', pb.Remove(id=gone))
            self.refused(pb.CODE_NOT_FOUND, client.ask, 'show', pb.Show(ids=[gone]))


class Handles(Case):
    def handle(self, client, made, form, attached=()):
        answer, fds = client.ask_fds('handle', pb.Handle(id=made.id), attached)
        self.fds += fds
        self.assertEqual((answer.form, len(fds)), (form, 1))
        return fds[0]

    def readable(self, fd, limit=0):
        return bool(select.select([fd], [], [], limit)[0])

    def test_of_a_semaphore(self):
        client = self.open()
        self.assertIn('handle-eventfd', client.welcome.features)
        reading, writing = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        handle = self.handle(client, made, pb.HandleOf.FORM_EVENTFD)
        self.assertFalse(self.readable(handle))
        os.write(writing, b'x')
        self.assertTrue(self.readable(handle, PATIENCE))
        os.read(reading, 1)
        self.assertTrue(self.readable(handle))

    def test_of_a_semaphore_that_the_client_makes(self):
        client = self.open()
        if not hasattr(os, 'eventfd'):
            self.skipTest('this Python makes no eventfds')
        self.assertNotIn('handle-attach-eventfd', client.welcome.features)  # of the broker's own user
        reading, writing = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        own = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.fds.append(own)
        self.refused(pb.CODE_INVALID, client.ask_fds, 'handle', pb.Handle(id=made.id), [writing])
        self.handle(client, made, pb.HandleOf.FORM_EVENTFD, [own])
        self.assertFalse(self.readable(own))
        os.write(writing, b'x')
        self.assertTrue(self.readable(own, PATIENCE))
        os.read(own, 8)
        self.assertTrue(self.readable(own))

    def test_of_an_event(self):
        client = self.open()
        self.assertIn('handle-epoll', client.welcome.features)
        reading, writing = self.pipe()
        made = client.evt(reading, pb.MODE_READ)
        handle = self.handle(client, made, pb.HandleOf.FORM_EPOLL)
        for _ in range(2):
            self.assertFalse(self.readable(handle))
            os.write(writing, b'x')
            self.assertTrue(self.readable(handle))
            os.read(reading, 1)
        client.ask('remove', pb.Remove(id=made.id))
        self.assertTrue(self.readable(handle))

    def test_that_the_client_makes(self):
        client = self.open()
        self.assertIn('handle-attach', client.welcome.features)
        reading, writing = self.pipe()
        made = client.evt(reading, pb.MODE_READ)
        with select.epoll() as own:
            self.handle(client, made, pb.HandleOf.FORM_EPOLL, [own.fileno()])
            self.assertFalse(self.readable(own))
            os.write(writing, b'x')
            self.assertTrue(self.readable(own))
            os.read(reading, 1)
            client.ask('remove', pb.Remove(id=made.id))
            self.assertTrue(self.readable(own))
        again = client.evt(reading, pb.MODE_READ)
        self.refused(pb.CODE_INVALID, client.ask_fds, 'handle', pb.Handle(id=again.id), [writing])


class Looking(Case):
    def test_list_show_status(self):
        client = self.open()
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        items = client.ask('list').items
        by_kind = {item.kind: item for item in items}
        self.assertEqual(by_kind[pb.KIND_SEMAPHORE].id, made.id)
        self.assertEqual(by_kind[pb.KIND_DESCRIPTOR].type, 'pipe')
        shown = client.ask('show', pb.Show(ids=[made.id])).items[0]
        self.assertEqual((shown.number, shown.direction, shown.registered), (reading, pb.DIRECTION_READ, True))
        sessions = client.ask('list', pb.List(kind=pb.KIND_SESSION)).items
        self.assertIn(client.welcome.session, [item.id for item in sessions])
        status = client.ask('status')
        self.assertEqual((status.pid, status.version), (broker.process.pid, 1))
        self.assertEqual(status.session.client, 'stranger')

    def pages(self, client, kind):
        after = 0
        while True:
            page = client.ask('list', pb.List(kind=kind, after=after))
            self.assertLessEqual(page.ByteSize(), 65536)
            yield page.items
            after = page.next
            self.assertEqual(page.more, after != 0)
            if not page.more:
                return

    def listed(self, client, kind):
        return [item.id for items in self.pages(client, kind) for item in items]

    def test_pages(self):
        client = self.open()
        reading, _ = self.pipe()
        made = [client.evt(reading, pb.MODE_READ).id]
        for number in range(3000, 3300):
            made.append(client.ask('fd_to_evt', pb.DescriptorEvt(number=number, mode=pb.MODE_READ), [reading]).id)
        self.assertEqual(self.listed(client, pb.KIND_EVT), made)

    def test_pages_of_long_names(self):
        client = self.open()
        reading, _ = self.pipe()
        made = [client.ask('file_descriptor_to_port',
                           pb.WrapFileDescriptor(number=0x7fffffff, name='n' * 255, read=True), [reading]).input
                for _ in range(300)]
        self.assertEqual(self.listed(client, pb.KIND_PORT), made)
        wanted, shown = made[:256], []
        while wanted:
            page = client.ask('show', pb.Show(ids=wanted))
            self.assertLessEqual(page.ByteSize(), 65536)
            self.assertEqual(page.more, len(page.items) < len(wanted))
            shown += [item.id for item in page.items]
            wanted = wanted[len(page.items):]
        self.assertEqual(shown, made[:256])
        self.refused(pb.CODE_NOT_FOUND, client.ask, 'show', pb.Show(ids=made[:255] + [made[0] - 1]))

    def test_page_of_a_kind_that_is_far_away(self):
        client = self.open()
        reading, _ = self.pipe()
        for number in range(3000, 4500):
            client.ask('fd_to_evt', pb.DescriptorEvt(number=number, mode=pb.MODE_READ), [reading])
        last = client.semaphore(reading, pb.MODE_READ).id
        first = client.ask('list', pb.List(kind=pb.KIND_SEMAPHORE))
        self.assertEqual((len(first.items), first.more), (0, True))
        self.assertEqual(self.listed(client, pb.KIND_SEMAPHORE), [last])

    def test_end_session(self):
        client = self.open()
        other = self.open(token=client.welcome.token)
        reading, _ = self.pipe()
        made = client.semaphore(reading, pb.MODE_READ)
        waiting = other.start_wait([made.id])
        other.ask('ping')
        client.ask('end_session')
        self.assertEqual(other.finish_wait(waiting), [(made.id, pb.CAUSE_EXPIRED)])
        self.ended(other)
        self.ended(client)


class Watching(Case):
    def test_stats(self):
        client = self.open()
        self.assertIn('stats', client.welcome.features)
        metrics, after = [], 0
        while True:
            page = client.ask('stats', pb.StatsOf(after=after))
            metrics += page.metrics
            after = page.next
            if not after:
                break
        by_label = {(metric.name, *(label.value for label in metric.labels)): metric for metric in metrics}
        self.assertEqual(len(by_label), len(metrics))
        self.assertEqual(by_label['requests', 'done'].type, pb.Metric.TYPE_COUNTER)
        self.assertEqual(by_label['user_used', str(os.getuid()), 'sessions'].type, pb.Metric.TYPE_GAUGE)
        client.ask('ping')
        again = {(metric.name, *(label.value for label in metric.labels)): metric.value
                 for metric in client.ask('stats').metrics}
        self.assertEqual(again['calls', 'ping'], by_label['calls', 'ping'].value + 1)

    def test_monitor(self):
        client, other = self.open(), self.open()
        self.assertIn('monitor', client.welcome.features)
        here = client.ask('monitor', pb.Monitor(limit_us=0, session=other.welcome.session))
        self.assertEqual((len(here.notices), here.lost), (0, 0))
        waiting = client.start('monitor', pb.Monitor(after=here.cursor, session=other.welcome.session))
        client.ask('ping')
        self.assertFalse(client.is_answered(waiting))
        reading, writing = self.pipe()
        made = other.semaphore(reading, pb.MODE_READ)
        os.write(writing, b'x')
        other.ask('end_session')
        told, cursor, page = [], here.cursor, client.finish(waiting)[0].monitor
        while True:
            for notice in page.notices:
                self.assertGreater(notice.seq, cursor)
                cursor = notice.seq
                told.append((notice.event, notice.id, notice.cause))
            try:
                page = client.ask('monitor', pb.Monitor(after=page.cursor, session=other.welcome.session))
            except Refused as refused:
                self.assertEqual(refused.code, pb.CODE_NOT_FOUND)
                break
        of_it = [(event, cause) for event, id, cause in told if id == made.id]
        self.assertEqual(of_it[0], (pb.Notice.EVENT_MADE, pb.CAUSE_NONE))
        self.assertIn(of_it[1], [(pb.Notice.EVENT_FIRED, pb.CAUSE_READY), (pb.Notice.EVENT_ENDED, pb.CAUSE_EXPIRED)])
        self.assertIn((pb.Notice.EVENT_ENDED, other.welcome.session, pb.CAUSE_EXPIRED), told)
        self.ended(other)

    def test_monitor_is_cancelled(self):
        client = self.open()
        waiting = client.start('monitor', pb.Monitor())
        self.assertTrue(client.ask('cancel', pb.Cancel(request=waiting)).found)
        self.refused(pb.CODE_CANCELLED, client.finish, waiting)
        self.refused(pb.CODE_INVALID, client.ask, 'monitor', pb.Monitor(after=2 ** 64 - 1))


class Faults(Case):
    """What sections 2 to 4 say of those who do it wrong."""

    def test_headers_that_end(self):
        for header in [(0, 0, 0), (2, 0, 1), (2, 253, 0), (69633, 0, 0)]:
            client = self.open()
            client.send_bytes(HEADER.pack(*header))
            self.ended(client)

    def test_bodies_that_are_answered(self):
        client = self.open()
        client.send_body(b'\xff\xff')
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.error.code), (0, pb.CODE_GARBLED))
        client.send_body(b'\x08\x63')
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.error.code), (99, pb.CODE_UNSUPPORTED))
        client.send_body(b'\x08\x63\xc2\x3e\x00')
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.error.code), (99, pb.CODE_UNSUPPORTED))
        client.send_body(b"\x08\x63" + b"\x10\x00" * 2040)
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.error.code), (99, pb.CODE_TOO_COMPLEX))
        client.ask('ping')

    def test_unknown_fields_are_ignored(self):
        client = self.open()
        client.send_body(b'\x08\x63\x5a\x03\xa0\x06\x01\xa0\x06\x01')
        reply, _ = client.next_reply()
        self.assertEqual((reply.id, reply.WhichOneof('result')), (99, 'ping'))

    def test_ids_that_end(self):
        client = self.open()
        client.send_body(pb.Request(ping=pb.Ping()).SerializeToString())
        self.ended(client)
        client = self.open()
        reading, _ = self.pipe()
        waiting = client.start_wait([client.semaphore(reading, pb.MODE_READ).id])
        client.start('ping', request_id=waiting)
        self.ended(client)

    def test_descriptors_that_are_not_there(self):
        client = self.open()
        reading, _ = self.pipe()
        request = pb.Request(id=50, fd_to_evt=pb.DescriptorEvt(number=reading, mode=pb.MODE_READ)).SerializeToString()
        lie = HEADER.pack(len(request), 1, 0) + request
        client.send_bytes(lie)
        client.last_id = 50
        made = client.evt(reading, pb.MODE_READ)
        self.assertTrue(made.id)
        self.refused(pb.CODE_MISMATCH, client.finish, 50)

    def test_pipelined_replies(self):
        client = self.open()
        frame = b''
        for number in range(1000, 2000):
            body = pb.Request(id=number, ping=pb.Ping()).SerializeToString()
            frame += HEADER.pack(len(body), 0, 0) + body
        client.send_bytes(frame)
        self.assertEqual([client.next_reply()[0].id for _ in range(1000)], list(range(1000, 2000)))


def main():
    global pb, broker
    if not os.environ.get('PORTD_DAEMON') or not os.environ.get('PORTD_SOURCE'):
        print('PORTD_DAEMON and PORTD_SOURCE are not set')
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix='portd-python-') as folder:
        pb = compile_schema(folder)
        broker = Broker(folder)
        before = broker.descriptors()
        try:
            result = unittest.main(exit=False, verbosity=1).result
        finally:
            # Connections are closed by workers: the broker is asked until it has only the one that asks.
            client = Client(broker.address)
            client.hello()
            while client.ask('status').connections > 1:
                pass
            client.close()
            status = broker.stop()
        print(f'{before} descriptors at the start; portd ended with {status}')
        return 0 if result.wasSuccessful() and status == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
