//! Logins.

use super::*;

#[test]
fn a_login_grants_what_role_and_secret_id_say() {
    let role = create(parameters(TokenParametersUpdate {
        policies: policies(&["p1"]),
        ttl: Some(HOUR),
        num_uses: Some(3),
        ..Default::default()
    }))
    .unwrap();
    let metadata = [("k".into(), "v".into()), ("role_name".into(), "admin".into())].into();
    let s = secret_of(&role, "s3cret", NewSecretId { metadata, ..Default::default() }).unwrap();
    let LoggedIn { principal, change } = try_login(Some(&role), &[s], "s3cret", None, NOW).unwrap();
    assert_eq!(change, SecretIdChange::None);
    assert_eq!((principal.alias.as_str(), principal.role.as_str()), (ROLE_ID, "app"));
    assert_eq!(principal.display_name, "approle");
    assert_eq!(
        principal.metadata,
        [("k".into(), "v".into()), ("role_name".into(), "app".into())].into()
    );
    assert_eq!(principal.parameters, role.parameters);
}

#[test]
fn p01_an_unknown_role_answers_as_a_wrong_secret_id_does() {
    let role = role();
    let s = [secret(&role)];
    for presented in ["wrong", ""] {
        let known = try_login(Some(&role), &s, presented, None, NOW).unwrap_err();
        let unknown = try_login(None, &s, presented, None, NOW).unwrap_err();
        assert_eq!(known, unknown, "{presented:?}");
    }
    let outcome = try_login(None, &s, "s3cret", None, NOW);
    assert_eq!(outcome.unwrap_err().to_string(), "invalid role or secret ID");
}

#[test]
fn what_is_missing_is_named() {
    let role = role();
    let outcome = try_login(Some(&role), &[], "", None, NOW);
    assert_eq!(outcome.unwrap_err().to_string(), "missing secret_id");
    let attempt = Attempt { role_id: "", secret_id: &text("s3cret"), client: None };
    let outcome = login(&key(), Some(&role), None, &attempt, NOW);
    assert_eq!(outcome.unwrap_err().to_string(), "missing role_id");
}

#[test]
fn no_record_but_the_one_that_was_presented_logs_in() {
    let role = role();
    let (right, other) =
        (secret(&role), secret_of(&role, "other", NewSecretId::default()).unwrap());
    let attempt = Attempt { role_id: ROLE_ID, secret_id: &text("s3cret"), client: None };
    let with = |role: &Role, s: &SecretId| login(&key(), Some(role), Some(s), &attempt, NOW);
    assert!(with(&role, &right).is_ok());
    assert_eq!(with(&role, &other), Err(LoginError::Invalid));
    // A role made anew under the old name and role id.
    let anew = Role { uid: [8; 16], ..role.clone() };
    assert_eq!(with(&anew, &right), Err(LoginError::Invalid));
    let renamed = Role { role_id: "other".into(), ..role.clone() };
    assert_eq!(with(&renamed, &right), Err(LoginError::Invalid));
    let other_key = DigestKey::new([2; 32]);
    let outcome = login(&other_key, Some(&role), Some(&right), &attempt, NOW);
    assert_eq!(outcome, Err(LoginError::Invalid));
}

#[test]
fn p04_a_secret_id_is_consumed_use_by_use_and_then_gone() {
    let role = role();
    let new = NewSecretId { num_uses: Some(2), ..Default::default() };
    let s = secret_of(&role, "s3cret", new).unwrap();
    let later = NOW + HOUR;
    let once = try_login(Some(&role), std::slice::from_ref(&s), "s3cret", None, later).unwrap();
    let SecretIdChange::Put(left) = once.change else { panic!("{:?}", once.change) };
    assert_eq!(left, SecretId { uses_left: Some(1), last_updated_time: later, ..s });
    let twice = try_login(Some(&role), std::slice::from_ref(&left), "s3cret", None, later).unwrap();
    assert_eq!(twice.change, SecretIdChange::Delete);
    let spent = SecretId { uses_left: Some(0), ..left };
    let outcome = try_login(Some(&role), &[spent], "s3cret", None, later);
    assert_eq!(outcome, Err(LoginError::Invalid));
}

#[test]
fn an_expired_secret_id_is_invalid_from_its_expiration_on() {
    let role = role();
    let new = NewSecretId { ttl: Some(HOUR), ..Default::default() };
    let s = [secret_of(&role, "s3cret", new).unwrap()];
    let end = NOW + HOUR;
    let at = |now| try_login(Some(&role), &s, "s3cret", None, now).map(|_| ());
    assert_eq!(at(end - Duration::from_nanos(1)), Ok(()));
    assert_eq!(at(end), Err(LoginError::Invalid));
}

#[test]
fn a_login_from_outside_the_networks_is_refused_by_name() {
    let role = create(RoleUpdate {
        secret_id_bound_cidrs: Some(nets(&["10.0.0.0/8", "127.0.0.1/32"])),
        ..Default::default()
    })
    .unwrap();
    let new = NewSecretId { cidr_list: nets(&["10.0.0.1/32"]), ..Default::default() };
    let s = [secret_of(&role, "s3cret", new).unwrap()];
    let at = |client| try_login(Some(&role), &s, "s3cret", client, NOW).map(|_| ());
    assert_eq!(at(Some("10.0.0.1")), Ok(()));
    assert_eq!(at(Some("::ffff:10.0.0.1")), Ok(()));
    assert_eq!(
        at(Some("11.0.0.1")).unwrap_err().to_string(),
        r#"source address "11.0.0.1" unauthorized by CIDR restrictions on the role"#
    );
    assert_eq!(
        at(Some("127.0.0.1")).unwrap_err().to_string(),
        r#"source address "127.0.0.1" unauthorized by CIDR restrictions on the secret ID"#
    );
    assert!(at(None).is_err());
    // Whoever does not know the secret id learns nothing of the networks.
    let outcome = try_login(Some(&role), &s, "wrong", Some("11.0.0.1"), NOW);
    assert_eq!(outcome, Err(LoginError::Invalid));
}

#[test]
fn a_role_without_secret_ids_logs_in_by_network_and_spends_nothing() {
    let role = create(RoleUpdate {
        bind_secret_id: Some(false),
        secret_id_bound_cidrs: Some(nets(&["127.0.0.1/32"])),
        ..Default::default()
    })
    .unwrap();
    let inside = try_login(Some(&role), &[], "", Some("127.0.0.1"), NOW).unwrap();
    assert_eq!(inside.change, SecretIdChange::None);
    assert!(try_login(Some(&role), &[], "", Some("127.0.0.2"), NOW).is_err());
}

#[test]
fn p14_the_lease_is_bound_to_the_networks_of_role_and_secret_id() {
    let bound = |role: &Role, s: &SecretId, client| {
        let outcome = try_login(Some(role), std::slice::from_ref(s), "s3cret", client, NOW);
        outcome.map(|l| l.principal.parameters.bound_cidrs)
    };
    let wide =
        TokenParametersUpdate { bound_cidrs: Some(nets(&["10.0.0.0/8"])), ..Default::default() };
    let role = create(parameters(wide)).unwrap();
    let new = NewSecretId { token_bound_cidrs: nets(&["10.1.0.0/16"]), ..Default::default() };
    let s = secret_of(&role, "s3cret", new).unwrap();
    assert_eq!(bound(&role, &s, None), Ok(nets(&["10.1.0.0/16"])));
    assert_eq!(bound(&role, &secret(&role), None), Ok(nets(&["10.0.0.0/8"])));

    // The role was narrowed since: the secret id does not widen it, nor the role the secret id.
    let narrow =
        TokenParametersUpdate { bound_cidrs: Some(nets(&["10.2.0.0/16"])), ..Default::default() };
    let narrowed = role.updated(parameters(narrow)).unwrap();
    assert_eq!(
        bound(&narrowed, &s, Some("10.2.0.1")),
        Err(LoginError::SecretIdNetwork("10.2.0.1".into()))
    );

    let strict = TokenParametersUpdate { strictly_bind_ip: Some(true), ..Default::default() };
    let strict = role.updated(parameters(strict)).unwrap();
    assert_eq!(bound(&strict, &s, Some("10.1.2.3")), Ok(nets(&["10.1.2.3/32"])));
    // Strictness is no way out of the networks.
    assert_eq!(bound(&strict, &s, Some("11.1.2.3")), Ok(nets(&["10.1.0.0/16"])));
}

proptest! {
    #[test]
    fn only_the_very_secret_id_logs_in(presented in "\\PC{1,24}") {
        prop_assume!(presented != "s3cret");
        let role = role();
        let stored = [secret(&role)];
        let outcome = try_login(Some(&role), &stored, &presented, None, NOW);
        prop_assert_eq!(outcome, Err(LoginError::Invalid));
    }

    #[test]
    fn a_lease_is_never_wider_than_role_and_secret_id(
        role_nets in prop::collection::vec(0u8..=16, 0..3), secret_nets in prop::collection::vec(0u8..=24, 0..3),
        strict: bool, client in (0u8..4, 0u8..4),
    ) {
        let list = |lens: &[u8]| lens.iter().map(|l| format!("10.{}.0.0/{l}", l % 4).parse().unwrap()).collect::<Vec<IpNet>>();
        let role = create(parameters(TokenParametersUpdate {
            bound_cidrs: Some(list(&role_nets)), strictly_bind_ip: Some(strict), ..Default::default()
        })).unwrap();
        let s = SecretId { token_bound_cidrs: list(&secret_nets), ..secret(&role) };
        let client = format!("10.{}.{}.1", client.0, client.1);
        let Ok(l) = try_login(Some(&role), std::slice::from_ref(&s), "s3cret", Some(&client), NOW) else { return Ok(()) };
        let address = Some(client.parse().unwrap());
        if crate::jwt::admits(&l.principal.parameters.bound_cidrs, address) {
            prop_assert!(crate::jwt::admits(&role.parameters.bound_cidrs, address));
            prop_assert!(crate::jwt::admits(&s.token_bound_cidrs, address));
        }
    }
}
