exit_after_auth = true

vault {
  address = "ADDRESS"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "DIRECTORY/role-id"
      secret_id_file_path                 = "DIRECTORY/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
  sink "file" {
    config = {
      path = "DIRECTORY/agent-token"
    }
  }
}

template {
  contents    = "password={{ with secret \"secret/data/agent\" }}{{ .Data.data.password }}{{ end }}\n"
  destination = "DIRECTORY/rendered"
}
