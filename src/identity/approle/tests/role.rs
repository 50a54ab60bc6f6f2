//! Roles and the issuing of secret ids.

use super::*;

#[test]
fn a_new_role_has_the_dialects_defaults() {
    let role = role();
    assert_eq!((role.name.as_str(), role.role_id.as_str()), ("app", ROLE_ID));
    assert!(role.bind_secret_id && !role.local_secret_ids);
    assert_eq!((role.secret_id_num_uses, role.secret_id_ttl), (0, Duration::ZERO));
    assert_eq!(role.parameters.token_type.text(), "default");
    assert_eq!(role.parameters, Default::default());
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let first = RoleUpdate {
        secret_id_num_uses: Some(2),
        secret_id_ttl: Some(HOUR),
        parameters: TokenParametersUpdate {
            policies: policies(&["p2", "P1 "]),
            ttl: Some(HOUR),
            ..Default::default()
        },
        ..Default::default()
    };
    let role = create(first).unwrap();
    let update = parameters(TokenParametersUpdate { num_uses: Some(3), ..Default::default() });
    let updated = role.updated(update).unwrap();
    let mut expected = role.clone();
    expected.parameters.num_uses = 3;
    assert_eq!(updated, expected);
    assert_eq!(updated.parameters.policies, ["p1", "p2"]);
    assert_eq!(role.updated(RoleUpdate::default()).unwrap(), role);
}

#[test]
fn the_old_names_policies_and_period_work_and_the_new_ones_win() {
    let old = RoleUpdate { policies: policies(&["p3"]), period: Some(HOUR), ..Default::default() };
    let role = create(old.clone()).unwrap();
    assert_eq!(
        (role.parameters.policies.as_slice(), role.parameters.period),
        (&["p3".to_owned()][..], HOUR)
    );
    assert!(role.legacy_policies && role.legacy_period);

    let both = RoleUpdate {
        parameters: TokenParametersUpdate { policies: policies(&["p1"]), ..Default::default() },
        ..old
    };
    let role = role.updated(both).unwrap();
    assert_eq!(role.parameters.policies, ["p1"]);
    assert!(role.legacy_policies);

    let new =
        parameters(TokenParametersUpdate { policies: policies(&["p2"]), ..Default::default() });
    let role = role.updated(new).unwrap();
    assert!(!role.legacy_policies && role.legacy_period);
}

#[test]
fn parameters_must_fit_together_after_the_update_too() {
    let p = |update| create(parameters(update)).map(|_| ()).unwrap_err().to_string();
    let base = TokenParametersUpdate::default;
    let refusals = [
        (
            TokenParametersUpdate { ttl: Some(HOUR * 2), max_ttl: Some(HOUR), ..base() },
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        (
            TokenParametersUpdate {
                token_type: Some(TokenType::Batch),
                num_uses: Some(3),
                ..base()
            },
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
        ),
        (
            TokenParametersUpdate {
                token_type: Some(TokenType::Batch),
                period: Some(HOUR),
                ..base()
            },
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
        ),
    ];
    for (update, text) in refusals {
        assert_eq!(p(update), text);
    }
    let role = create(parameters(TokenParametersUpdate { max_ttl: Some(HOUR), ..base() })).unwrap();
    let later = parameters(TokenParametersUpdate { ttl: Some(HOUR * 2), ..base() });
    assert_eq!(role.updated(later), Err(ParametersError::TtlOverMax.into()));
    assert_eq!(
        TokenType::parse("zz").unwrap_err().to_string(),
        "invalid 'token_type' value \"zz\""
    );
}

#[test]
fn p03_root_is_attached_to_no_role_in_any_spelling_or_field() {
    for name in ["root", " Root ", "ROOT", "a,root", "a, rOOt ,b"] {
        let new =
            parameters(TokenParametersUpdate { policies: policies(&[name]), ..Default::default() });
        let old = RoleUpdate { policies: policies(&[name]), ..Default::default() };
        for update in [new, old] {
            assert_eq!(create(update), Err(ParametersError::RootPolicy.into()), "{name}");
        }
    }
    for name in ["response-wrapping", "Control-Group "] {
        let update = RoleUpdate { policies: policies(&[name]), ..Default::default() };
        assert!(matches!(
            create(update),
            Err(AppRoleError::Parameters(ParametersError::ReservedPolicy(_)))
        ));
    }
}

#[test]
fn a_role_needs_a_constraint_a_name_and_a_role_id() {
    let open = RoleUpdate { bind_secret_id: Some(false), ..Default::default() };
    assert_eq!(create(open.clone()), Err(AppRoleError::NoConstraint));
    let bound = RoleUpdate { secret_id_bound_cidrs: Some(nets(&["10.0.0.0/8"])), ..open.clone() };
    assert!(create(bound).is_ok());
    assert_eq!(role().updated(open), Err(AppRoleError::NoConstraint));
    let empty = RoleUpdate { role_id: Some(String::new()), ..Default::default() };
    assert_eq!(create(empty), Err(AppRoleError::RoleId));
    let outcome = Role::create("", [0; 16], ROLE_ID.into(), RoleUpdate::default());
    assert_eq!(outcome, Err(AppRoleError::RoleName));
    let local = RoleUpdate { local_secret_ids: Some(true), ..Default::default() };
    assert_eq!(role().updated(local), Err(AppRoleError::LocalSecretIds));
}

#[test]
fn a_secret_id_takes_the_roles_limits_or_narrower_ones() {
    let role = create(RoleUpdate {
        secret_id_num_uses: Some(2),
        secret_id_ttl: Some(HOUR),
        ..Default::default()
    })
    .unwrap();
    let s = secret(&role);
    assert_eq!((s.uses_left, s.ttl, s.expiration_time), (Some(2), HOUR, Some(NOW + HOUR)));
    let with = |num_uses, ttl| {
        let new = NewSecretId { num_uses, ttl, ..Default::default() };
        secret_of(&role, "s", new).map(|s| (s.uses_left, s.ttl))
    };
    assert_eq!(with(Some(1), Some(HOUR / 2)), Ok((Some(1), HOUR / 2)));
    assert_eq!(with(Some(3), None), Err(AppRoleError::TooManyUses));
    assert_eq!(with(None, Some(HOUR * 2)), Err(AppRoleError::TtlTooLong));
    // Zero is unlimited, which is wider.
    assert_eq!(with(Some(0), None), Err(AppRoleError::TooManyUses));
    assert_eq!(with(None, Some(Duration::ZERO)), Err(AppRoleError::TtlTooLong));
}

#[test]
fn networks_of_a_secret_id_lie_within_the_roles() {
    let role = create(RoleUpdate {
        secret_id_bound_cidrs: Some(nets(&["10.0.0.1/32", "127.0.0.0/8"])),
        ..Default::default()
    })
    .unwrap();
    let with = |list: &[&str]| {
        let new = NewSecretId { cidr_list: nets(list), ..Default::default() };
        secret_of(&role, "s", new)
    };
    assert!(with(&["127.1.0.0/16", "10.0.0.1/32"]).is_ok());
    assert_eq!(
        with(&["11.0.0.0/8"]).unwrap_err().to_string(),
        r#"failed to verify subset relationship between CIDR blocks on the role ["10.0.0.1/32", "127.0.0.0/8"] and CIDR blocks on the secret ID ["11.0.0.0/8"]"#
    );
    assert!(with(&["10.0.0.0/8"]).is_err());
}

#[test]
fn secret_ids_are_bounded_and_need_a_role_that_wants_them() {
    let role = role();
    for bad in [String::new(), "s".repeat(NAME_BYTES_MAX + 1)] {
        let outcome = secret_of(&role, &bad, NewSecretId::default());
        assert_eq!(outcome, Err(AppRoleError::SecretIdLength));
    }
    let metadata = (0..METADATA_PAIRS_MAX).map(|i| (i.to_string(), String::new())).collect();
    let new = NewSecretId { metadata, ..Default::default() };
    assert_eq!(secret_of(&role, "s", new), Err(AppRoleError::MetadataTooLarge));
    let without = create(RoleUpdate {
        bind_secret_id: Some(false),
        secret_id_bound_cidrs: Some(nets(&["10.0.0.0/8"])),
        ..Default::default()
    });
    let outcome = secret_of(&without.unwrap(), "s", NewSecretId::default());
    assert_eq!(outcome, Err(AppRoleError::NoSecretId));
}
