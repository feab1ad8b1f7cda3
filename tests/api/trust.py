#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whose words a house takes: who else could have written what it is told by, or
what lies in its state folder."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

ACL = 'system.posix_acl_access'


def acl(user):
    """A list by which that user may write a file, as acl(5) is kept."""
    nobody = 0xffffffff
    return struct.pack('<I', 2) + b''.join(
        struct.pack('<HHI', *entry) for entry in (
            (0x01, 6, nobody), (0x02, 6, user), (0x04, 4, nobody),
            (0x10, 6, nobody), (0x20, 4, nobody)))


def refused(h, path, owner, mode, *says):
    """The house does not open while this path is that user's, of that mode."""
    was = os.stat(path)
    os.chown(path, owner, was.st_gid)
    os.chmod(path, mode)
    h.closed(path, *says)
    os.chown(path, was.st_uid, was.st_gid)
    os.chmod(path, was.st_mode & 0o7777)


@test
def roots_house_takes_the_word_of_nobody_but_root_and_its_operators():
    if os.getuid():
        raise Skipped('the house of an ordinary user asks nothing')
    with House() as h:
        h.ok('vault', 'init')
        role = h.folder + '/roles/helper'

        for path in (h.config, h.folder, h.folder + '/roles', role,
                     role + '/role.toml', role + '/gates.toml', role + '/mcp',
                     role + '/mcp/server.toml'):
            mode = 0o755 if os.path.isdir(path) else 0o644
            refused(h, path, 12345, mode, '`chown root %s`' % path)
            refused(h, path, 0, mode | 0o002, '`chmod go-w %s`' % path)
        # Of a file with a list of who may, the group's bits are the list's.
        role_toml = role + '/role.toml'
        os.setxattr(role_toml, ACL, acl(12345))
        refused(h, role_toml, 0, 0o664, '`chmod go-w %s`' % role_toml)
        os.removexattr(role_toml, ACL)
        os.chmod(role_toml, 0o644)
        refused(h, h.state, 12345, 0o711, 'or give another --state')
        for mode in (0o733, 0o1777):
            refused(h, h.state, 0, mode, 'give another --state')
        # An operator may own files of his, and never the state folder.
        with open(h.config, 'a') as f:
            f.write('[operator.other]\nuid = 12345\n')
        refused(h, h.state, 12345, 0o711, 'belongs to user 12345')
        for path in (h.config, role + '/gates.toml', h.folder):
            os.chown(path, 12345, 0)
        os.chmod(role, 0o775)  # and root's group is root
        h.start()


@test
def a_state_folder_that_others_can_write_is_no_users():
    with House() as h:
        h.ok('vault', 'init')
        os.chmod(h.state, 0o733)
        said = h.closed(h.state, 'others than user %d can write in' % os.getuid())
        need("root's" not in said, said)
        os.chmod(h.state, 0o711)
        h.start()


@test
def roots_house_lies_where_nobody_else_can_put_another():
    if os.getuid():
        raise Skipped('the house of an ordinary user asks nothing')
    with House() as h:
        h.ok('vault', 'init')
        role, way = h.folder + '/roles/helper', h.folder + '/way'
        there = way + '/there'

        # Nobody moves root's files from a sticky folder; new ones he may put.
        for path in (h.folder, h.folder + '/roles', role, role + '/mcp'):
            refused(h, path, 0, 0o1777, '`chmod go-w %s`' % path)
        os.mkdir(way)
        for path in (role, h.state):
            os.rename(path, there)
            os.symlink(there, path)
            refused(h, way, 12345, 0o755, there, '`chown root %s`' % way)
            refused(h, way, 0, 0o757, there, '`chmod go-w %s`' % way)
            os.remove(path)
            os.rename(there, path)
        os.rename(role, there)
        os.symlink(there, role)
        os.chmod(way, 0o1777)
        h.start()


@test
def each_link_of_a_chain_lies_where_nobody_else_can_put_another():
    if os.getuid():
        raise Skipped('the house of an ordinary user asks nothing')
    with House() as h:
        h.ok('vault', 'init')
        role, there = h.folder + '/roles/helper', h.folder + '/there'
        middle = h.folder + '/middle'
        link = middle + '/link'
        os.mkdir(middle)
        os.rename(role, there)
        os.symlink('../there', link)
        os.symlink('../middle/link', role)
        refused(h, middle, 12345, 0o755, link, '`chown root %s`' % middle)
        refused(h, middle, 0, 0o757, link, '`chmod go-w %s`' % middle)
        # Nobody moves root's link from a sticky folder, but everybody his own.
        os.chmod(middle, 0o1777)
        os.lchown(link, 12345, 0)
        h.closed('the link %s belongs to user 12345' % link,
                 '`chown -h root %s`' % link)
        os.lchown(link, 0, 0)
        h.start()


@test
def roots_house_believes_no_ca_that_others_can_write():
    if os.getuid():
        raise Skipped('the house of an ordinary user asks nothing')
    with House() as h:
        h.ok('vault', 'init')
        folder = h.folder + '/authorities'
        ca = folder + '/ca.pem'
        os.mkdir(folder)
        write(ca, 'of its upstream alone')
        with open(h.config) as f:
            config = f.read()
        h.role_file('helper', 'gates.toml', '''
            [egress.near]
            match = { host = "near.test" }
            upstream = "10.0.3.7:8443"
            ca = "%s"''' % ca)
        for table, more in (('egress.near', ''), ('notify', '''
                [notify]
                url = "https://n.test/"
                ca = "authorities/ca.pem"''')):
            write(h.config, config + more)
            says = 'the ca of %s: ' % table
            for path, mode in ((ca, 0o644), (folder, 0o755)):
                refused(h, path, 12345, mode, says, '`chown root ')
                refused(h, path, 0, mode | 0o002, says, '`chmod go-w ')
        refused(h, ca, 0, 0o664, '`chmod go-w ')  # who is of the list is not seen
        h.start()


if __name__ == '__main__':
    sys.exit(main())
