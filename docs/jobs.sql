CREATE TABLE project (
  id BIGINT NOT NULL AUTO_INCREMENT,
  project_name VARCHAR(200) NOT NULL,
  project_gateway_url VARCHAR(2000),
  project_cluster_url VARCHAR(2000),
  project_queue_arn VARCHAR(2000),
  project_priority VARCHAR(64) NOT NULL,
  project_concurrency INTEGER NOT NULL,
  input_prefixes MEDIUMTEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_project PRIMARY KEY (id)
);

CREATE TABLE pipeline_parameter_set (
  id BIGINT NOT NULL AUTO_INCREMENT,
  pipeline_parameter_set_name VARCHAR(200) NOT NULL,
  pipeline_parameter_set_description VARCHAR(1000) NOT NULL,
  project_id BIGINT,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_pipeline_parameter_set PRIMARY KEY (id),
  CONSTRAINT fk_pipeline_parameter_set_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_pipeline_parameter_set_project_id ON pipeline_parameter_set (project_id);

CREATE TABLE pipeline (
  id BIGINT NOT NULL AUTO_INCREMENT,
  pipeline_name VARCHAR(200) NOT NULL,
  pipeline_description VARCHAR(1000) NOT NULL,
  pipeline_endpoint VARCHAR(200) NOT NULL,
  project_id BIGINT,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_pipeline PRIMARY KEY (id),
  CONSTRAINT fk_pipeline_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_pipeline_project_id ON pipeline (project_id);

CREATE TABLE pipeline_parameters (
  id BIGINT NOT NULL AUTO_INCREMENT,
  pipeline_id BIGINT NOT NULL,
  pipeline_parameter_set_id BIGINT NOT NULL,
  pipeline_parameters_name VARCHAR(200) NOT NULL,
  pipeline_parameters_value MEDIUMTEXT NOT NULL,
  project_id BIGINT,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_pipeline_parameters PRIMARY KEY (id),
  CONSTRAINT uq_pipeline_parameters_pipeline_parameter_set_id_pipeline_id UNIQUE (pipeline_parameter_set_id, pipeline_id),
  CONSTRAINT fk_pipeline_parameters_pipeline_id FOREIGN KEY(pipeline_id) REFERENCES pipeline (id),
  CONSTRAINT fk_pipeline_parameters_pipeline_parameter_set_id FOREIGN KEY(pipeline_parameter_set_id) REFERENCES pipeline_parameter_set (id),
  CONSTRAINT fk_pipeline_parameters_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_pipeline_parameters_pipeline_id ON pipeline_parameters (pipeline_id);

CREATE INDEX ix_pipeline_parameters_pipeline_parameter_set_id ON pipeline_parameters (pipeline_parameter_set_id);

CREATE INDEX ix_pipeline_parameters_project_id ON pipeline_parameters (project_id);

CREATE TABLE user_group (
  id BIGINT NOT NULL AUTO_INCREMENT,
  pipeline_parameter_set_id BIGINT,
  user_group_name VARCHAR(200) NOT NULL,
  user_group_description VARCHAR(1000) NOT NULL,
  project_id BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_user_group PRIMARY KEY (id),
  CONSTRAINT fk_user_group_pipeline_parameter_set_id FOREIGN KEY(pipeline_parameter_set_id) REFERENCES pipeline_parameter_set (id),
  CONSTRAINT fk_user_group_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_user_group_pipeline_parameter_set_id ON user_group (pipeline_parameter_set_id);

CREATE INDEX ix_user_group_project_id ON user_group (project_id);

CREATE TABLE user (
  id BIGINT NOT NULL AUTO_INCREMENT,
  group_id BIGINT NOT NULL,
  user_name VARCHAR(200) NOT NULL,
  user_email VARCHAR(254) NOT NULL,
  project_id BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_user PRIMARY KEY (id),
  CONSTRAINT fk_user_group_id FOREIGN KEY(group_id) REFERENCES user_group (id),
  CONSTRAINT fk_user_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_user_group_id ON user (group_id);

CREATE INDEX ix_user_project_id ON user (project_id);

CREATE TABLE athlete (
  id BIGINT NOT NULL AUTO_INCREMENT,
  athlete_name VARCHAR(200) NOT NULL,
  athlete_height_m DOUBLE,
  athlete_mass_kg DOUBLE,
  athlete_sex VARCHAR(64) NOT NULL,
  project_id BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_athlete PRIMARY KEY (id),
  CONSTRAINT fk_athlete_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_athlete_project_id ON athlete (project_id);

CREATE TABLE job (
  id BIGINT NOT NULL AUTO_INCREMENT,
  user_id BIGINT,
  pipeline_id BIGINT NOT NULL,
  pipeline_parameter_set_id BIGINT,
  athlete_id BIGINT,
  job_name VARCHAR(200) NOT NULL,
  job_status VARCHAR(64) NOT NULL,
  job_input MEDIUMTEXT NOT NULL,
  job_parameters MEDIUMTEXT NOT NULL,
  effective_parameters MEDIUMTEXT NOT NULL,
  job_results_path VARCHAR(2000) NOT NULL,
  priority VARCHAR(64) NOT NULL,
  other_files MEDIUMTEXT NOT NULL,
  state_times MEDIUMTEXT NOT NULL,
  error_code VARCHAR(64),
  error_message VARCHAR(1000),
  error_retryable BOOL NOT NULL,
  retain_days INTEGER,
  deadline_at DATETIME(6) NOT NULL,
  finished_at DATETIME(6),
  retain_until DATETIME(6),
  data_deleted_at DATETIME(6),
  is_open BOOL NOT NULL,
  due_at DATETIME(6) NOT NULL,
  owner VARCHAR(64),
  lease_until DATETIME(6),
  step_attempts INTEGER NOT NULL,
  project_id BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_job PRIMARY KEY (id),
  CONSTRAINT fk_job_user_id FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE SET NULL,
  CONSTRAINT fk_job_pipeline_id FOREIGN KEY(pipeline_id) REFERENCES pipeline (id),
  CONSTRAINT fk_job_pipeline_parameter_set_id FOREIGN KEY(pipeline_parameter_set_id) REFERENCES pipeline_parameter_set (id),
  CONSTRAINT fk_job_athlete_id FOREIGN KEY(athlete_id) REFERENCES athlete (id) ON DELETE SET NULL,
  CONSTRAINT fk_job_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_job_athlete_id ON job (athlete_id);

CREATE INDEX ix_job_is_open_due_at ON job (is_open, due_at);

CREATE INDEX ix_job_pipeline_id ON job (pipeline_id);

CREATE INDEX ix_job_pipeline_parameter_set_id ON job (pipeline_parameter_set_id);

CREATE INDEX ix_job_project_id ON job (project_id);

CREATE INDEX ix_job_project_id_id ON job (project_id, id);

CREATE INDEX ix_job_retain_until ON job (retain_until);

CREATE INDEX ix_job_user_id ON job (user_id);

CREATE TABLE video (
  id BIGINT NOT NULL AUTO_INCREMENT,
  job_id BIGINT NOT NULL,
  ordinal INTEGER NOT NULL,
  video_name VARCHAR(1000) NOT NULL,
  video_path VARCHAR(2000) NOT NULL,
  video_key VARCHAR(2000),
  video_results_path VARCHAR(2000) NOT NULL,
  video_status VARCHAR(64) NOT NULL,
  video_progress_percentage DOUBLE NOT NULL,
  size_bytes BIGINT NOT NULL,
  frame_count BIGINT,
  fps DOUBLE,
  width INTEGER,
  height INTEGER,
  duration_s DOUBLE,
  missing MEDIUMTEXT NOT NULL,
  warnings MEDIUMTEXT NOT NULL,
  error_code VARCHAR(64),
  error_message VARCHAR(1000),
  error_retryable BOOL NOT NULL,
  project_id BIGINT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_video PRIMARY KEY (id),
  CONSTRAINT uq_video_job_id_ordinal UNIQUE (job_id, ordinal),
  CONSTRAINT fk_video_job_id FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE,
  CONSTRAINT fk_video_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_video_job_id ON video (job_id);

CREATE INDEX ix_video_project_id ON video (project_id);

CREATE TABLE frame_batch (
  id BIGINT NOT NULL AUTO_INCREMENT,
  video_id BIGINT NOT NULL,
  job_id BIGINT NOT NULL,
  frame_batch_start_number BIGINT NOT NULL,
  frame_batch_end_number BIGINT NOT NULL,
  frame_batch_input_path VARCHAR(2000) NOT NULL,
  frame_batch_results_path VARCHAR(2000) NOT NULL,
  frame_count INTEGER NOT NULL,
  step INTEGER NOT NULL,
  frame_batch_status VARCHAR(64) NOT NULL,
  priority VARCHAR(64) NOT NULL,
  attempt INTEGER NOT NULL,
  owner VARCHAR(64),
  lease_until DATETIME(6),
  available_at DATETIME(6) NOT NULL,
  error_code VARCHAR(64),
  error_message VARCHAR(1000),
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  project_id BIGINT NOT NULL,
  CONSTRAINT pk_frame_batch PRIMARY KEY (id),
  CONSTRAINT uq_frame_batch_video_id_frame_batch_start_number UNIQUE (video_id, frame_batch_start_number),
  CONSTRAINT fk_frame_batch_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);

CREATE INDEX ix_frame_batch_frame_batch_status_project_id_priority_id ON frame_batch (frame_batch_status, project_id, priority, id);

CREATE INDEX ix_frame_batch_job_id_frame_batch_status ON frame_batch (job_id, frame_batch_status);

CREATE INDEX ix_frame_batch_project_id ON frame_batch (project_id);
