// node-vault, unmodified, against the server named in VAULT_ADDR with the root token in
// VAULT_TOKEN: fails by throwing. It takes only 200 and 204 for success, and uses the older routes
// of policies and leases.
import assert from 'node:assert/strict';
import vault from 'node-vault';

const root = vault();
const as = (token) => vault({ token });
// A client takes over the token of what it creates, as after a login: makers are thrown away.
const maker = () => vault();
const refused = (promise, status) =>
  assert.rejects(promise, (error) => error.response?.statusCode === status);

// State of the server, without a token.
const nobody = vault({ token: '' });
assert.equal((await nobody.health()).sealed, false);
assert.equal((await nobody.initialized()).initialized, true);
const seal = await nobody.status();
assert.equal(seal.sealed, false);
assert.match(seal.version, /^\d+\.\d+\.\d+/);
assert.equal((await nobody.leader()).ha_enabled, false);

// Mounts.
await root.mount({ mount_point: 'one', type: 'kv', options: { version: '1' }, description: 'd' });
await root.mount({ mount_point: 'two', type: 'kv', options: { version: '2' } });
const mounts = await root.mounts();
assert.equal(mounts['one/'].options.version, '1');
assert.equal(mounts.data['two/'].options.version, '2');
await root.remount({ from: 'one', to: 'uno' });

// KV version 1.
await root.write('uno/a/b', { k: 'v', n: 1 });
assert.deepEqual((await root.read('uno/a/b')).data, { k: 'v', n: 1 });
assert.deepEqual((await root.list('uno/a')).data.keys, ['b']);
await root.delete('uno/a/b');
await refused(root.read('uno/a/b'), 404);

// KV version 2, by its paths.
const first = await root.write('two/data/a/b', { data: { k: 'v', n: 1 } });
assert.equal(first.data.version, 1);
await refused(root.write('two/data/a/b', { data: {}, options: { cas: 0 } }), 400);
const patched = await root.update('two/data/a/b', { data: { k: 'w' } });
assert.equal(patched.data.version, 2);
assert.deepEqual((await root.read('two/data/a/b')).data.data, { k: 'w', n: 1 });
assert.equal((await root.read('two/data/a/b?version=1')).data.data.k, 'v');
await root.write('two/metadata/a/b', { custom_metadata: { owner: 'me' }, max_versions: 5 });
await root.update('two/metadata/a/b', { custom_metadata: { team: 'us' } });
const metadata = (await root.read('two/metadata/a/b')).data;
assert.deepEqual(metadata.custom_metadata, { owner: 'me', team: 'us' });
assert.equal(metadata.current_version, 2);
assert.deepEqual((await root.list('two/metadata/a')).data.keys, ['b']);
const plain = vault({ noCustomHTTPVerbs: true });
assert.deepEqual((await plain.list('two/metadata/a')).data.keys, ['b']);
await root.delete('two/data/a/b');
await refused(root.read('two/data/a/b'), 404);
await root.write('two/undelete/a/b', { versions: [2] });
await root.write('two/delete/a/b', { versions: [1] });
await root.write('two/destroy/a/b', { versions: [1] });
assert.equal((await root.read('two/metadata/a/b')).data.versions['1'].destroyed, true);
assert.deepEqual((await root.read('two/subkeys/a/b')).data.subkeys, { k: null, n: null });
assert.equal((await root.read('two/config')).data.cas_required, false);
await root.delete('two/metadata/a/b');
await refused(root.list('two/metadata/a'), 404);

// Policies, by the routes of old.
const rules = 'path "two/data/mine/*" { capabilities = ["create", "read", "update"] }';
await root.addPolicy({ name: 'node', rules });
assert.ok((await root.policies()).policies.includes('node'));
assert.equal((await root.getPolicy({ name: 'node' })).rules, rules);

// Tokens.
const made = await maker().tokenCreate({ policies: ['node'], ttl: '10m', meta: { by: 'node' } });
const { client_token: token, accessor } = made.auth;
assert.deepEqual(made.auth.policies, ['default', 'node']);
const own = (await as(token).tokenLookupSelf()).data;
assert.equal(own.type, 'service');
assert.ok(own.ttl > 0 && own.ttl <= 600);
assert.equal((await root.tokenLookup({ token })).data.accessor, accessor);
assert.equal((await root.tokenLookupAccessor({ accessor })).data.meta.by, 'node');
assert.ok((await root.tokenAccessors()).data.keys.includes(accessor));
assert.equal((await as(token).tokenRenewSelf({ increment: 300 })).auth.accessor, accessor);
assert.equal((await maker().tokenRenew({ token })).auth.client_token, token);
await as(token).write('two/data/mine/x', { data: { a: 'b' } });
await refused(as(token).read('two/data/other'), 403);
const orphan = (await maker().tokenCreateOrphan({ policies: ['node'] })).auth;
assert.equal(orphan.orphan, true);
await root.tokenRevokeAccessor({ accessor: orphan.accessor });
await refused(as(orphan.client_token).tokenLookupSelf(), 403);
const parent = (await maker().tokenCreate({ policies: ['node'] })).auth.client_token;
await root.tokenRevokeOrphan({ token: parent });
await root.addTokenRole({ role_name: 'nodes', allowed_policies: 'node' });
assert.ok((await root.tokenRoles()).data.keys.includes('nodes'));
assert.deepEqual((await root.getTokenRole({ role_name: 'nodes' })).data.allowed_policies, ['node']);
assert.ok((await maker().tokenCreateRole({ role_name: 'nodes' })).auth.client_token);
await root.removeTokenRole({ role_name: 'nodes' });
await root.tokenRevoke({ token });
await refused(as(token).tokenLookupSelf(), 403);

// Login methods.
await root.enableAuth({ mount_point: 'approle', type: 'approle' });
await root.enableAuth({ mount_point: 'userpass', type: 'userpass' });
assert.equal((await root.auths())['approle/'].type, 'approle');
await root.addApproleRole({ role_name: 'app', policies: 'node', token_ttl: 600 });
assert.deepEqual((await root.approleRoles()).data.keys, ['app']);
assert.deepEqual((await root.getApproleRole({ role_name: 'app' })).data.token_policies, ['node']);
const { role_id } = (await root.getApproleRoleId({ role_name: 'app' })).data;
const { secret_id } = (await root.getApproleRoleSecret({ role_name: 'app' })).data;
const machine = vault({ token: '' });
const login = await machine.approleLogin({ role_id, secret_id });
assert.equal(machine.token, login.auth.client_token);
assert.equal((await machine.read('two/data/mine/x')).data.data.a, 'b');
const known = await root.approleSecretLookup({ role_name: 'app', secret_id });
assert.equal(known.data.secret_id_num_uses, 0);
await root.approleSecretDestroy({ role_name: 'app', secret_id });
await refused(vault({ token: '' }).approleLogin({ role_id, secret_id }), 400);
await root.write('auth/userpass/users/ann', { password: 'pw', token_policies: 'node' });
const ann = vault({ token: '' });
await ann.userpassLogin({ username: 'ann', password: 'pw' });
assert.equal((await ann.tokenLookupSelf()).data.display_name, 'userpass-ann');
await ann.tokenRevokeSelf();
await refused(ann.tokenLookupSelf(), 403);

// Wrapping.
const wrap = { headers: { 'X-Vault-Wrap-TTL': '60s' } };
const wrapped = await root.read('two/data/mine/x', wrap);
const opened = await root.unwrap({ token: wrapped.wrap_info.token });
assert.equal(opened.data.data.a, 'b');
await refused(root.unwrap({ token: wrapped.wrap_info.token }), 400);

// Leases, by the routes of old and new; tokens are renewed by their own.
const lease_id = `auth/approle/login/${login.auth.accessor}`;
await refused(root.renew({ lease_id }), 400);
await root.revoke({ lease_id });
await refused(machine.tokenLookupSelf(), 403);
await root.write('sys/leases/revoke-prefix/auth/userpass/login', {});
const rights = await root.write('sys/capabilities-self', { path: 'two/data/x' });
assert.deepEqual(rights.data.capabilities, ['root']);
assert.ok((await root.help('sys/policy')).help);
assert.deepEqual(Object.keys((await root.audits()).data), ['file/']);

await root.disableAuth({ mount_point: 'approle' });
await root.disableAuth({ mount_point: 'userpass' });
await root.removePolicy({ name: 'node' });
await root.unmount({ mount_point: 'uno' });
await root.unmount({ mount_point: 'two' });
await refused(root.read('two/data/mine/x'), 404);
